// One line of a table of kernels -> the kernels of the catalogue that it timed.
#pragma once

#include <string>
#include <vector>

#include "sim/compute/kernels.h"
#include "sim/ledger/csv.h"

namespace stepcast {

/// Whether a row was measured as in training, at the power limit: in a long loop, or inside runs of
/// the whole layer that the notes name ("mlp_down_proj tp2", as vidur does). All others are short.
bool measured_as_in_training(const CsvCells& cells);

/// Whose fused attention a row timed, by the names of device profiles. The deterministic backward
/// pass of a library is another kernel than its usual one.
std::string attention_implementation(const CsvCells& cells);

/// The kernels run one after the other, or the reason why the catalogue can't say it.
struct TimedKernels {
  std::vector<Kernel> kernels;
  std::string skipped;
};

TimedKernels gemm_kernels(const CsvCells& cells);
TimedKernels attention_kernels(const CsvCells& cells);
TimedKernels memory_kernels(const CsvCells& cells);
TimedKernels convolutions(const CsvCells& cells);

/// "4096x28672(V=32000)" -> 4096, 28672: the whole numbers at the front, joined by x.
std::vector<std::int64_t> leading_shape(const std::string& text);

}  // namespace stepcast
