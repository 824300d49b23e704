#include <string>

#include "kernels/ops/columns.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/rows.h"
#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

struct RowStatistics {
  float mean, inverse;  ///< inverse of the deviation
};

/// In two passes over the row, since a mean that is large beside the deviation would cancel.
template <int N, bool kCentred, typename T>
__device__ RowStatistics statistics(const NormShape& shape, const T* x) {
  const auto cols = static_cast<float>(shape.cols);
  float mean = 0, squares = 0;
  if (kCentred) {
    for_packs<N>(shape.cols, [&](std::int64_t col) {
      float values[N];
      load<N>(x + col, values);
      for (int i = 0; i < N; ++i) mean += values[i];
    });
    mean = over_block(mean, Sum{}) / cols;
  }
  for_packs<N>(shape.cols, [&](std::int64_t col) {
    float values[N];
    load<N>(x + col, values);
    for (int i = 0; i < N; ++i) squares += (values[i] - mean) * (values[i] - mean);
  });
  return {mean, 1 / sqrtf(over_block(squares, Sum{}) / cols + shape.epsilon)};
}

template <int N, bool kCentred, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    forward_kernel(NormShape shape, const T* x, const T* gain, const T* bias, T* y) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * shape.cols;
  const RowStatistics s = statistics<N, kCentred>(shape, x + row);
  for_packs<N>(shape.cols, [&](std::int64_t col) {
    float values[N], gains[N], shifts[N] = {};
    load<N>(x + row + col, values);
    load<N>(gain + col, gains);
    if (bias != nullptr) load<N>(bias + col, shifts);
    for (int i = 0; i < N; ++i)
      values[i] = gains[i] * ((values[i] - s.mean) * s.inverse) + shifts[i];
    save<N>(y + row + col, values);
  });
}

struct GradientMeans {
  float plain, with_x;
};

/// Means over the row of g = gain * dy and of g times the normalised x.
template <int N, bool kCentred, typename T>
__device__ GradientMeans gradient_means(const NormShape& shape, const RowStatistics& s, const T* x,
                                        const T* gain, const T* dy) {
  float plain = 0, with_x = 0;
  for_packs<N>(shape.cols, [&](std::int64_t col) {
    float values[N], gains[N], gradients[N];
    load<N>(x + col, values);
    load<N>(gain + col, gains);
    load<N>(dy + col, gradients);
    for (int i = 0; i < N; ++i) {
      const float g = gains[i] * gradients[i];
      plain += g;
      with_x += g * ((values[i] - s.mean) * s.inverse);
    }
  });
  const auto cols = static_cast<float>(shape.cols);
  return {kCentred ? over_block(plain, Sum{}) / cols : 0, over_block(with_x, Sum{}) / cols};
}

/// values += what this block has summed, in its shared memory.
template <int N>
__device__ __forceinline__ void add_to(float* sums, const float (&values)[N]) {
  float old[N];
  load<N>(sums, old);
  for (int i = 0; i < N; ++i) old[i] += values[i];
  save<N>(sums, old);
}

/// Rows blockIdx.x, blockIdx.x + gridDim.x, ... Sums of columns: gain in the first `cols` floats of
/// shared memory, bias in the next; a column is always the same thread's.
template <int N, bool kCentred, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    backward_kernel(NormShape shape, const T* x, const T* gain, const T* dy, T* dx, bool add_dx,
                    float* partial) {
  const std::int64_t cols = shape.cols;
  auto* const sums = reinterpret_cast<float*>(dynamic_shared());
  const float zeros[N] = {};
  for_packs<N>(cols, [&](std::int64_t col) {
    save<N>(sums + col, zeros);
    if (kCentred) save<N>(sums + cols + col, zeros);
  });
  for (std::int64_t r = blockIdx.x; r < shape.rows; r += gridDim.x) {
    const std::int64_t row = r * cols;
    const RowStatistics s = statistics<N, kCentred>(shape, x + row);
    const GradientMeans means = gradient_means<N, kCentred>(shape, s, x + row, gain, dy + row);
    for_packs<N>(cols, [&](std::int64_t col) {
      float values[N], gains[N], gradients[N], result[N], of_gain[N];
      load<N>(x + row + col, values);
      load<N>(gain + col, gains);
      load<N>(dy + row + col, gradients);
      for (int i = 0; i < N; ++i) {
        const float normalised = (values[i] - s.mean) * s.inverse;
        of_gain[i] = gradients[i] * normalised;
        result[i] = s.inverse * (gains[i] * gradients[i] - means.plain - normalised * means.with_x);
      }
      add_to<N>(sums + col, of_gain);
      if (kCentred) add_to<N>(sums + cols + col, gradients);
      if (add_dx) {
        float old[N];
        load<N>(dx + row + col, old);
        for (int i = 0; i < N; ++i) result[i] += old[i];
      }
      save<N>(dx + row + col, result);
    });
  }
  const std::int64_t width = kCentred ? 2 * cols : cols;
  for_packs<N>(cols, [&](std::int64_t col) {
    float of_columns[N];
    load<N>(sums + col, of_columns);
    save<N>(partial + blockIdx.x * width + col, of_columns);
    if (!kCentred) return;
    load<N>(sums + cols + col, of_columns);
    save<N>(partial + blockIdx.x * width + cols + col, of_columns);
  });
}

template <bool kCentred, typename T>
void forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y,
             DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const bool vectors =
      shape.cols % kWidth == 0 && aligned(x) && aligned(gain) && aligned(bias) && aligned(y);
  const auto run = [&](auto kernel, int width) {
    launch(kernel, dim3(static_cast<unsigned>(shape.rows)), row_threads(shape.cols, width), 0,
           context.stream(), shape, x, gain, bias, y);
  };
  if (vectors)
    run(forward_kernel<kWidth, kCentred, T>, kWidth);
  else
    run(forward_kernel<1, kCentred, T>, 1);
}

/// Of shared memory of a block: what A100 has [CUDA C++ Programming Guide, table of technical
/// specifications, compute capability 8.0: 163 KiB] and its successors too.
constexpr std::int64_t kMostSums = 40960;

template <bool kCentred, typename T>
void backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx, bool add_dx,
              float* dgain, float* dbias, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const std::int64_t sums = (kCentred ? 2 : 1) * shape.cols;
  if (sums > kMostSums)
    throw Error(ErrorKind::kUnsupported, "the gradient of a norm of " + std::to_string(shape.cols) +
                                             " columns needs more shared memory than a GPU has");
  if (shape.rows == 0 || shape.cols == 0) return;
  // Two blocks per multiprocessor hide each other's waiting; more make the sums of blocks long.
  const std::int64_t most = context.facts().multiprocessors * 2;
  const std::int64_t blocks = shape.rows < most ? shape.rows : most;
  float* const partial = context.scratch_floats(blocks * sums);
  const bool vectors =
      shape.cols % kWidth == 0 && aligned(x) && aligned(gain) && aligned(dy) && aligned(dx);
  const auto run = [&](auto kernel, int width) {
    launch(kernel, dim3(static_cast<unsigned>(blocks)), row_threads(shape.cols, width),
           static_cast<std::size_t>(sums) * sizeof(float), context.stream(), shape, x, gain, dy, dx,
           add_dx, partial);
  };
  if (vectors)
    run(backward_kernel<kWidth, kCentred, T>, kWidth);
  else
    run(backward_kernel<1, kCentred, T>, 1);
  add_slices(blocks, shape.cols, sums, partial, dgain, context.stream());
  if (dbias != nullptr)
    add_slices(blocks, shape.cols, sums, partial + shape.cols, dbias, context.stream());
}

}  // namespace

template <typename T>
void layer_norm_forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y,
                        DeviceContext& context) {
  forward<true>(shape, x, gain, bias, y, context);
}

template <typename T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         bool add_dx, float* dgain, float* dbias, DeviceContext& context) {
  backward<true>(shape, x, gain, dy, dx, add_dx, dgain, dbias, context);
}

template <typename T>
void rms_norm_forward(const NormShape& shape, const T* x, const T* gain, T* y,
                      DeviceContext& context) {
  forward<false>(shape, x, gain, static_cast<const T*>(nullptr), y, context);
}

template <typename T>
void rms_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                       bool add_dx, float* dgain, DeviceContext& context) {
  backward<false>(shape, x, gain, dy, dx, add_dx, dgain, nullptr, context);
}

#define STEPCAST_OF(T)                                                                        \
  template void layer_norm_forward(const NormShape&, const T*, const T*, const T*, T*,        \
                                   DeviceContext&);                                           \
  template void layer_norm_backward(const NormShape&, const T*, const T*, const T*, T*, bool, \
                                    float*, float*, DeviceContext&);                          \
  template void rms_norm_forward(const NormShape&, const T*, const T*, T*, DeviceContext&);   \
  template void rms_norm_backward(const NormShape&, const T*, const T*, const T*, T*, bool,   \
                                  float*, DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
