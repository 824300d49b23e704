// --trace of commands that predict.
#pragma once

#include <string>
#include <vector>

#include "sim/trace/trace.h"

namespace stepcast::cli {

/// Writes a Chrome trace, compressed when `file` ends in .gz, and says so on standard error.
/// `memory_by_program` as chrome_trace() wants it. Throws Error(kIo).
void write_trace_file(const Job& job, const Trace& trace,
                      const std::vector<std::vector<Bytes>>& memory_by_program,
                      const std::string& file);

/// Likewise of two runs of the job side by side, as side_by_side() shows them.
void write_both_traces(const Job& job, const Trace& a, const Trace& b, const std::string& name_a,
                       const std::string& name_b, const std::string& file);

}  // namespace stepcast::cli
