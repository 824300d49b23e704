#include "tools/cli/trace_file.h"

#include <cstdio>

#include "sim/base/file_io.h"
#include "sim/trace/chrome_trace.h"

namespace stepcast::cli {

void write_trace_file(const Job& job, const Trace& trace,
                      const std::vector<std::vector<Bytes>>& memory_by_program,
                      const std::string& file) {
  const std::string text = chrome_trace(job, trace, memory_by_program);
  if (file.ends_with(".gz"))
    write_gzip_file(file, text);
  else
    write_text_file_atomically(file, text);
  std::fprintf(stderr, "trace of %zu ops: %s (open it at https://ui.perfetto.dev)\n",
               trace.spans.size(), file.c_str());
}

}  // namespace stepcast::cli
