// A trace as Chrome trace JSON: opens in Perfetto, chrome://tracing and TensorBoard. pid = rank,
// tid = stream, times in microseconds with three decimals, arrows from send to receive, a counter
// of live memory per rank. A trace of a step that did not end says "complete":false.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/trace/trace.h"

namespace stepcast {

/// As the track of a stream is called: "tensor-parallel".
std::string_view track_name(Stream stream);

/// `memory_by_program`: live bytes after each call of a program (memory_by_call); may be empty.
std::string chrome_trace(const Job& job, const Trace& trace,
                         const std::vector<std::vector<Bytes>>& memory_by_program);

}  // namespace stepcast
