// What nccl-tests printed: its text table, of every version, and its JSON (-J). Of both only the
// figures, the ranks and their hosts' number are kept; the JSON's `env`, which holds the whole
// environment of whoever ran it, is never read.
//
//   # nThread 1 nGpus 1 minBytes 8 maxBytes 8589934592 step: 2(factor) ...
//   #  Rank  0 Group  0 Pid  4711 on  node01 device  0 [0x07] NVIDIA H100 80GB HBM3
//   #       size     count  type redop root    time  algbw busbw #wrong    time algbw busbw #wrong
//          1024       256 float   sum   -1   16.63   0.06  0.12      0   16.11  0.06  0.12      0
//
// The columns redop and root are missing in old versions, where the operation has none; "#wrong"
// was called "error", and may be N/A; -I adds four columns to each half. Times are out-of-place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine/collective_bench.h"

namespace stepcast {

struct NcclTestsPoint {
  int line = 0;           ///< where it stands; of JSON 0
  std::int64_t size = 0;  ///< bytes, > 0
  double time_us = 0;     ///< > 0
};

struct NcclTestsRun {
  std::string file;
  BenchOp op{};
  std::int64_t ranks = 0;
  std::int64_t hosts = 0;
  BenchLaunch launch = BenchLaunch::kProcessPerGpu;
  std::vector<NcclTestsPoint> points;
};

/// What a log does not say, told by the user.
struct NcclTestsHints {
  std::optional<BenchOp> op{};
  std::optional<std::int64_t> ranks{}, hosts{};
};

/// Reads a log: JSON when it begins with a brace. The operation is looked for in the log (the
/// program's name), then in the file's name. Throws Error: kIo, or kInput with every line that is
/// not understood, is out of range or says that results were wrong.
NcclTestsRun read_nccl_tests(const std::string& path, const NcclTestsHints& hints);
/// The same for text at hand; `name` stands for the file.
NcclTestsRun parse_nccl_tests(const std::string& text, const std::string& name,
                              const NcclTestsHints& hints);

/// "all_reduce" of "./build/all_reduce_perf -b 8" or "alltoall-2n.log"; nothing where no program of
/// nccl-tests is named that is predicted.
std::optional<BenchOp> op_named_in(std::string_view text);

/// What to say of a program that is none of ours: its name, those that are, and the way out.
std::string unknown_program(std::string_view program);

}  // namespace stepcast
