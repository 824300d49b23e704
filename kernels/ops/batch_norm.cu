#include <cmath>

#include "kernels/ops/batch_norm.h"
#include "kernels/ops/pack.h"
#include "kernels/ops/reduce.h"

namespace stepcast::cuda {
namespace {

constexpr int kBlock = 256;

/// visit(at) for the packs of this block's slice of its channel: block x is the channel, y the
/// slice of its images and pixels, the same in every kernel. Divides once, not at every step.
template <int N, typename Visit>
__device__ __forceinline__ void for_slice(const BatchNormShape& shape, Visit visit) {
  const std::int64_t packs = shape.pixels / N, count = shape.images * packs;
  const std::int64_t slice = (count + gridDim.y - 1) / gridDim.y;
  const std::int64_t end = (blockIdx.y + 1) * slice < count ? (blockIdx.y + 1) * slice : count;
  std::int64_t i = blockIdx.y * slice + threadIdx.x;
  std::int64_t image = i / packs, pack = i % packs;
  const std::int64_t images_on = kBlock / packs, packs_on = kBlock % packs;
  for (; i < end; i += kBlock) {
    visit((image * shape.channels + blockIdx.x) * shape.pixels + pack * N);
    image += images_on;
    pack += packs_on;
    if (pack < packs) continue;
    pack -= packs;
    ++image;
  }
}

/// What a slice sums, of x less the channel's first element, so that a mean that is large beside
/// the deviation does not cancel: values, squares; backward also gradients, and their products with
/// values. The first element comes last: the result may overwrite it.
template <bool kBackward>
inline constexpr int kSums = kBackward ? 4 : 2;
template <bool kBackward>
inline constexpr int kKept = kSums<kBackward> + 1;

template <int N, bool kBackward>
__global__ void __launch_bounds__(kBlock)
    sums_kernel(BatchNormShape shape, const float* x, const float* dy, float* partial) {
  const float shift = x[blockIdx.x * shape.pixels];
  float sums[kSums<kBackward>] = {};
  for_slice<N>(shape, [&](std::int64_t at) {
    float values[N], gradients[N];
    load<N>(x + at, values);
    if constexpr (kBackward) load<N>(dy + at, gradients);
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float value = values[i] - shift;
      sums[0] += value;
      sums[1] += value * value;
      if constexpr (kBackward) {
        sums[2] += gradients[i];
        sums[3] += gradients[i] * value;
      }
    }
  });
  float* const kept = partial + (blockIdx.y * shape.channels + blockIdx.x) * kKept<kBackward>;
  for (int i = 0; i < kSums<kBackward>; ++i) {
    const float sum = over_block(sums[i], Sum{});
    if (threadIdx.x == 0) kept[i] = sum;
  }
  if (threadIdx.x == 0) kept[kSums<kBackward>] = shift;
}

struct ChannelStatistics {
  float count, shift, mean, variance;
};

/// Sum number `sum` of this block's channel, over its slices; every thread gets it.
template <bool kBackward>
__device__ float of_channel(const BatchNormShape& shape, const float* partial, int sum) {
  float mine = 0;
  for (std::int64_t slice = threadIdx.x; slice < gridDim.y; slice += kBlock)
    mine += partial[(slice * shape.channels + blockIdx.x) * kKept<kBackward> + sum];
  return over_block(mine, Sum{});
}

template <bool kBackward>
__device__ ChannelStatistics statistics(const BatchNormShape& shape, const float* partial) {
  const float shift = partial[blockIdx.x * kKept<kBackward> + kSums<kBackward>];
  const float count = static_cast<float>(shape.images * shape.pixels);
  const float mean = of_channel<kBackward>(shape, partial, 0) / count;
  const float variance = of_channel<kBackward>(shape, partial, 1) / count - mean * mean;
  return {count, shift, shift + mean, variance > 0 ? variance : 0};
}

/// One thread of each channel.
__device__ __forceinline__ bool speaks() { return threadIdx.x == 0 && blockIdx.y == 0; }

template <int N>
__global__ void __launch_bounds__(kBlock)
    forward_kernel(BatchNormShape shape, const float* partial, const float* x, const float* gain,
                   const float* bias, float* y, float* running_mean, float* running_variance) {
  const ChannelStatistics s = statistics<false>(shape, partial);
  const float factor = gain[blockIdx.x] / sqrtf(s.variance + shape.epsilon);
  const float base = bias[blockIdx.x];
  for_slice<N>(shape, [&](std::int64_t at) {
    float values[N];
    load<N>(x + at, values);
#pragma unroll
    for (int i = 0; i < N; ++i) values[i] = factor * (values[i] - s.mean) + base;
    save<N>(y + at, values);
  });
  if (!speaks()) return;
  const auto move = [&](float* running, float to) {
    if (running != nullptr) running[blockIdx.x] += shape.momentum * (to - running[blockIdx.x]);
  };
  move(running_mean, s.mean);
  move(running_variance, s.variance * s.count / (s.count - 1));
}

template <int N>
__global__ void __launch_bounds__(kBlock)
    backward_kernel(BatchNormShape shape, const float* partial, const float* x, const float* gain,
                    const float* dy, float* dx, float* dgain, float* dbias) {
  const ChannelStatistics s = statistics<true>(shape, partial);
  const float plain = of_channel<true>(shape, partial, 2);
  const float with_x = of_channel<true>(shape, partial, 3) - (s.mean - s.shift) * plain;
  const float scale = 1 / sqrtf(s.variance + shape.epsilon);
  const float factor = gain[blockIdx.x] * scale, mean_dy = plain / s.count,
              slope = with_x * scale * scale / s.count;
  for_slice<N>(shape, [&](std::int64_t at) {
    float values[N], gradients[N];
    load<N>(x + at, values);
    load<N>(dy + at, gradients);
#pragma unroll
    for (int i = 0; i < N; ++i)
      values[i] = factor * (gradients[i] - mean_dy - slope * (values[i] - s.mean));
    save<N>(dx + at, values);
  });
  if (!speaks()) return;
  dgain[blockIdx.x] += with_x * scale;
  dbias[blockIdx.x] += plain;
}

/// Channels across; slices down, so many that all multiprocessors are full, and each has some packs
/// for every thread.
dim3 grid_of(const BatchNormShape& shape, int width, const DeviceContext& context) {
  const auto up = [](std::int64_t n, std::int64_t by) { return (n + by - 1) / by; };
  const std::int64_t wanted = up(context.facts().multiprocessors * 16, shape.channels);
  const std::int64_t most = up(shape.images * (shape.pixels / width), kBlock * 4);
  return dim3(static_cast<unsigned>(shape.channels),
              static_cast<unsigned>(wanted < most ? wanted : most));
}

/// Sums into scratch memory, then `apply` of a width with them.
template <bool kBackward, typename Apply>
void in_two_passes(const BatchNormShape& shape, bool vectors, const float* x, const float* dy,
                   DeviceContext& context, Apply apply) {
  const auto run = [&]<int N>() {
    const dim3 grid = grid_of(shape, N, context);
    float* const partial =
        context.scratch_floats(static_cast<std::int64_t>(grid.x) * grid.y * kKept<kBackward>);
    launch(sums_kernel<N, kBackward>, grid, dim3(kBlock), 0, context.stream(), shape, x, dy,
           partial);
    apply.template operator()<N>(grid, partial);
  };
  if (shape.images == 0 || shape.channels == 0 || shape.pixels == 0) return;
  if (vectors && shape.pixels % 4 == 0)
    run.template operator()<4>();
  else
    run.template operator()<1>();
}

}  // namespace

void batch_norm_forward(const BatchNormShape& shape, const float* x, const float* gain,
                        const float* bias, float* y, float* running_mean, float* running_variance,
                        DeviceContext& context) {
  in_two_passes<false>(shape, aligned(x) && aligned(y), x, nullptr, context,
                       [&]<int N>(dim3 grid, const float* partial) {
                         launch(forward_kernel<N>, grid, dim3(kBlock), 0, context.stream(), shape,
                                partial, x, gain, bias, y, running_mean, running_variance);
                       });
}

void batch_norm_backward(const BatchNormShape& shape, const float* x, const float* gain,
                         const float* dy, float* dx, float* dgain, float* dbias,
                         DeviceContext& context) {
  in_two_passes<true>(shape, aligned(x) && aligned(dy) && aligned(dx), x, dy, context,
                      [&]<int N>(dim3 grid, const float* partial) {
                        launch(backward_kernel<N>, grid, dim3(kBlock), 0, context.stream(), shape,
                               partial, x, gain, dy, dx, dgain, dbias);
                      });
}

}  // namespace stepcast::cuda
