// Which kernels to time: those of a program, so that a scenario is predicted from its own kernels,
// or a grid of shapes, from which models for any shape are fitted.
#pragma once

#include <cstddef>
#include <vector>

#include "sim/program/job.h"

namespace stepcast {

/// Every kernel of the job's programs once, in the order of MeasuredKernels.
std::vector<Kernel> kernels_of(const Job& job);

/// How far a grid goes.
struct GridLimits {
  std::vector<Dtype> dtypes = {Dtype::kFp32};
  std::size_t gemms = 40;                ///< by dtype
  double most_flops = 1e9;               ///< of a product or an attention
  std::int64_t most_bytes = 32'000'000;  ///< of a memory-bound kernel
  std::int64_t least_bytes = 16'384;
  bool sizes_in_between = true;  ///< of memory-bound kernels: 3/2 of each, beside the powers of two
  std::int64_t longest_side = 2048;  ///< of a product
  std::vector<std::int64_t> head_dims = {32, 64};
  std::int64_t longest_sequence = 512;
  std::vector<std::int64_t> images = {1, 2};  ///< of a convolution
};

/// Seconds on a CPU core: some 1,000 kernels, few of more than 20 ms.
GridLimits quick_cpu_grid();
/// An hour or less on a data-centre GPU, in the types that it computes in.
GridLimits full_gpu_grid(std::vector<Dtype> dtypes);

/// Products over sides that grow by powers of two, with some in between, no two alike; attention
/// over lengths, head dimensions and heads, grouped ones among them; convolutions of well-known
/// networks, in fp32 and tf32; every memory-bound kernel at sizes a factor of two apart or less.
/// The same list on every machine.
std::vector<Kernel> grid(const GridLimits& limits);

}  // namespace stepcast
