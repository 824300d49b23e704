#include "tools/cli/trace_file.h"

#include <cstdio>

#include "sim/base/file_io.h"
#include "sim/trace/chrome_trace.h"
#include "sim/trace/compare_traces.h"

namespace stepcast::cli {
namespace {

void write(const std::string& text, const std::string& file) {
  if (file.ends_with(".gz"))
    write_gzip_file(file, text);
  else
    write_text_file_atomically(file, text);
}

}  // namespace

void write_trace_file(const Job& job, const Trace& trace,
                      const std::vector<std::vector<Bytes>>& memory_by_program,
                      const std::string& file) {
  write(chrome_trace(job, trace, memory_by_program), file);
  std::fprintf(stderr, "trace of %zu ops: %s (open it at https://ui.perfetto.dev)\n",
               trace.spans.size(), file.c_str());
}

void write_both_traces(const Job& job, const Trace& a, const Trace& b, const std::string& name_a,
                       const std::string& name_b, const std::string& file) {
  const TraceFile first = parse_trace(chrome_trace(job, a, {}), name_a),
                  second = parse_trace(chrome_trace(job, b, {}), name_b);
  write(side_by_side(first, second, name_a, name_b), file);
  std::fprintf(stderr, "%s and %s: %s (open it at https://ui.perfetto.dev)\n", name_a.c_str(),
               name_b.c_str(), file.c_str());
}

}  // namespace stepcast::cli
