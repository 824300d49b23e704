#include "kernels/profiler/sweep.h"

#include <algorithm>
#include <set>

#include "kernels/profiler/bench_case.h"
#include "sim/compute/dims.h"
#include "sim/cost/measured_kernels.h"

namespace stepcast {
namespace {

using enum KernelKind;

/// Numerical Recipes' 32-bit generator: the same picks on every machine.
class Picks {
 public:
  std::size_t below(std::size_t count) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % count;
  }

 private:
  std::uint32_t state_ = 20261124;
};

/// 32, 48, 64, 96, ... up to `last`.
std::vector<std::int64_t> sides(std::int64_t last) {
  std::vector<std::int64_t> lengths;
  for (std::int64_t side = 32; side <= last; side *= 2) {
    lengths.push_back(side);
    if (side + side / 2 <= last) lengths.push_back(side + side / 2);
  }
  return lengths;
}

void add_products(const GridLimits& limits, Dtype dtype, std::vector<Kernel>& kernels) {
  const std::vector<std::int64_t> lengths = sides(limits.longest_side);
  constexpr std::array<KernelKind, 3> kKinds = {kGemmForward, kGemmDgrad, kGemmWgrad};
  Picks picks;
  std::set<std::array<std::int64_t, 3>> seen;
  // Most picks of three sides are too large where the limit is low; some grids have few shapes.
  for (std::size_t tries = 0; seen.size() < limits.gemms && tries < 100 * limits.gemms; ++tries) {
    const std::int64_t m = lengths[picks.below(lengths.size())],
                       n = lengths[picks.below(lengths.size())],
                       k = lengths[picks.below(lengths.size())];
    // Products of fp8 take one layout only, that of forward; the others are run as that.
    const KernelKind kind =
        dtype == Dtype::kFp8 ? kGemmForward : kKinds[seen.size() % kKinds.size()];
    const Kernel kernel{.kind = kind, .dtype = dtype, .dims = {m, n, k}};
    if (flops_of(kernel).value() > limits.most_flops || !seen.insert({m, n, k}).second) continue;
    kernels.push_back(kernel);
  }
}

void add_attentions(const GridLimits& limits, Dtype dtype, std::vector<Kernel>& kernels) {
  struct Form {
    std::int64_t kv_heads;
    bool causal;
  };
  constexpr std::array<Form, 3> kForms = {{{8, true}, {8, false}, {2, true}}};
  for (std::int64_t length = 64; length <= limits.longest_sequence; length *= 2)
    for (const std::int64_t head_dim : limits.head_dims)
      for (const auto& [kv_heads, causal] : kForms)
        for (const KernelKind kind : {kFlashAttentionForward, kFlashAttentionBackward}) {
          const Kernel kernel{.kind = kind,
                              .dtype = dtype,
                              .causal = causal,
                              .dims = {2, 8, kv_heads, length, length, head_dim}};
          if (flops_of(kernel).value() <= limits.most_flops) kernels.push_back(kernel);
        }
}

/// A convolution of square images.
struct Layer {
  std::int64_t in_channels, side, out_channels, window, stride, padding;
};
/// Of AlexNet, VGG-16, Inception, ResNet-50, MobileNet, and networks for small images.
constexpr std::array<Layer, 20> kLayers = {{
    {3, 224, 64, 7, 2, 3},    {3, 227, 96, 11, 4, 0},   {3, 32, 64, 3, 1, 1},
    {16, 32, 32, 3, 1, 1},    {32, 112, 16, 1, 1, 0},   {64, 56, 64, 1, 1, 0},
    {64, 56, 64, 3, 1, 1},    {64, 56, 256, 1, 1, 0},   {256, 56, 128, 1, 1, 0},
    {128, 56, 128, 3, 2, 1},  {128, 28, 128, 3, 1, 1},  {128, 28, 512, 1, 1, 0},
    {48, 28, 64, 5, 1, 2},    {96, 27, 256, 5, 1, 2},   {256, 14, 256, 3, 1, 1},
    {1024, 14, 256, 1, 1, 0}, {512, 14, 1024, 1, 2, 0}, {256, 28, 512, 3, 1, 1},
    {512, 7, 512, 3, 1, 1},   {2048, 7, 512, 1, 1, 0},
}};

void add_convolutions(const GridLimits& limits, Dtype dtype, std::vector<Kernel>& kernels) {
  for (const Layer& layer : kLayers)
    for (const std::int64_t images : limits.images)
      for (const KernelKind kind : {kConvolutionForward, kConvolutionDgrad, kConvolutionWgrad}) {
        const Kernel kernel{.kind = kind,
                            .dtype = dtype,
                            .dims = to_dims({.images = images,
                                             .in_channels = layer.in_channels,
                                             .height = layer.side,
                                             .width = layer.side,
                                             .out_channels = layer.out_channels,
                                             .window_height = layer.window,
                                             .window_width = layer.window,
                                             .stride = layer.stride,
                                             .padding = layer.padding})};
        if (flops_of(kernel).value() <= limits.most_flops) kernels.push_back(kernel);
      }
}

/// So many elements to one that top-k keeps.
constexpr std::int64_t kKeptOf = 64;
constexpr std::int64_t kBlock = 256;  ///< elements that share a scale
constexpr std::int64_t kScores =
    kScoreTokens * kScoreTokens;  ///< of a sequence's attention, unfused
/// Of a plane that is pooled; of an image that is normalised.
constexpr std::int64_t kSide = 28, kPixels = 14 * 14, kChannels = 64;

/// The kernel of some `elements` elements, as near as its dimensions come to it; rows of 512 where
/// it has rows.
Kernel streaming(const KernelInfo& row, Dtype dtype, std::int64_t elements) {
  const auto at_least_one = [](std::int64_t count) { return std::max<std::int64_t>(count, 1); };
  Kernel kernel{.kind = row.kind, .dtype = dtype, .dims = {elements}};
  switch (row.work.counts) {
    case StreamingWork::Counts::kWindows:
      kernel.dims = {at_least_one(elements / (kSide * kSide)), kSide, kSide, 3, 2, 1};
      return kernel;
    case StreamingWork::Counts::kKept:
      kernel.dims[1] = at_least_one(elements / kKeptOf);
      return kernel;
    case StreamingWork::Counts::kBlocks:
      kernel.dims[1] = kBlock;
      return kernel;
    case StreamingWork::Counts::kProduct:
      break;
  }
  const bool scores = row.kind == kScoreSoftmaxForward || row.kind == kScoreSoftmaxBackward;
  if (scores) kernel.dims = {at_least_one(elements / kScores) * kScores};
  if (num_dims(row) == 2) kernel.dims = {at_least_one(elements / 512), 512};
  if (num_dims(row) == 3)
    kernel.dims = {at_least_one(elements / (kChannels * kPixels)), kChannels, kPixels};
  return kernel;
}

/// Kernels of images and compression are fp32 (kernels/live/image_shapes.h).
bool is_computed_in(const KernelInfo& row, Dtype dtype) {
  return dtype == Dtype::kFp32 || !row.work.needs_own_time;
}

/// Elements of streaming kernels.
std::vector<std::int64_t> sizes_of(const GridLimits& limits) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t elements = 1024; elements * 4 <= limits.most_bytes; elements *= 2) {
    sizes.push_back(elements);
    if (limits.sizes_in_between) sizes.push_back(elements + elements / 2);
  }
  return sizes;
}

void add_streaming(const GridLimits& limits, Dtype dtype, std::vector<Kernel>& kernels) {
  for (const KernelInfo& row : kernel_table()) {
    if (row.family != KernelFamily::kMemoryBound || !is_computed_in(row, dtype)) continue;
    for (const std::int64_t elements : sizes_of(limits)) {
      const Kernel kernel = streaming(row, dtype, elements);
      const std::int64_t bytes = bytes_of(kernel).value();
      if (bytes > limits.most_bytes) break;
      if (bytes >= limits.least_bytes && (kernels.empty() || kernel != kernels.back()))
        kernels.push_back(kernel);
    }
  }
}

}  // namespace

std::vector<Kernel> kernels_of(const Job& job) {
  MeasuredKernels kernels;
  for (const Program& program : job.programs)
    for (const Block& block : program.blocks)
      for (const Op& op : block.ops)
        if (const auto* compute = std::get_if<Compute>(&op.what))
          kernels.set({.kernel = compute->kernel, .time = {}});
  std::vector<Kernel> result;
  for (const MeasuredKernel& one : kernels.all()) result.push_back(one.kernel);
  return result;
}

GridLimits quick_cpu_grid() { return {}; }

GridLimits full_gpu_grid(std::vector<Dtype> dtypes) {
  return {.dtypes = std::move(dtypes),
          .gemms = 400,
          .most_flops = 4e13,
          .most_bytes = 8'000'000'000,
          .least_bytes = 65'536,
          .sizes_in_between = false,
          .longest_side = 32'768,
          .head_dims = {64, 96, 128},
          .longest_sequence = 32'768,
          .images = {8, 32, 128}};
}

std::vector<Kernel> grid(const GridLimits& limits) {
  std::vector<Kernel> kernels;
  for (const Dtype dtype : limits.dtypes) {
    add_products(limits, dtype, kernels);
    if (dtype == Dtype::kFp32 || dtype == Dtype::kTf32) add_convolutions(limits, dtype, kernels);
    // In memory tf32 is fp32, and fp8 is of products alone.
    if (dtype == Dtype::kTf32 || dtype == Dtype::kFp8) continue;
    add_attentions(limits, dtype, kernels);
    add_streaming(limits, dtype, kernels);
  }
  return kernels;
}

}  // namespace stepcast
