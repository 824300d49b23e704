#include <string>

#include "kernels/ops/columns.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/rows.h"
#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

/// Packs of a row that a thread holds in registers: rows of up to 2,048 packs forward, 1,024
/// backward. Longer rows have none held, and are read again from the first cache.
constexpr int kHeldForward = 4, kHeldBackward = 2;

/// visit(i, col) for the packs of a row that are this thread's, i = 0, 1, ...
template <int N, int kHeld, typename Visit>
__device__ __forceinline__ void for_held(std::int64_t cols, Visit visit) {
  if constexpr (kHeld == 0) {
    for_packs<N>(cols, [&](std::int64_t col) { visit(0, col); });
  } else {
#pragma unroll
    for (int i = 0; i < kHeld; ++i) {
      const std::int64_t col = (static_cast<std::int64_t>(i) * blockDim.x + threadIdx.x) * N;
      if (col < cols) visit(i, col);
    }
  }
}

/// A thread's packs of a row: all are asked for at once, so that their ways overlap.
template <int N, int kHeld, typename T>
class Row {
 public:
  __device__ Row(const T* row, std::int64_t cols) : row_(row) {
    if constexpr (kHeld > 0)
      for_held<N, kHeld>(cols, [&](int i, std::int64_t col) {
        packs_[i] = *reinterpret_cast<const Pack<T, N>*>(row + col);
      });
  }
  /// Pack i, at column col.
  __device__ __forceinline__ void get(int i, std::int64_t col, float (&values)[N]) const {
    if constexpr (kHeld > 0) {
#pragma unroll
      for (int j = 0; j < N; ++j) values[j] = to_float(packs_[i].elements[j]);
    } else {
      load<N>(row_ + col, values);
    }
  }

 private:
  const T* row_;
  Pack<T, N> packs_[kHeld > 0 ? kHeld : 1];
};

struct RowStatistics {
  float mean, inverse;  ///< inverse of the deviation
};

/// In two passes over the row, since a mean that is large beside the deviation would cancel.
template <bool kCentred, int N, int kHeld, typename T>
__device__ RowStatistics statistics(const NormShape& shape, const Row<N, kHeld, T>& x) {
  const auto cols = static_cast<float>(shape.cols);
  float mean = 0, squares = 0;
  if (kCentred) {
    for_held<N, kHeld>(shape.cols, [&](int i, std::int64_t col) {
      float values[N];
      x.get(i, col, values);
      for (int j = 0; j < N; ++j) mean += values[j];
    });
    mean = over_block(mean, Sum{}) / cols;
  }
  for_held<N, kHeld>(shape.cols, [&](int i, std::int64_t col) {
    float values[N];
    x.get(i, col, values);
    for (int j = 0; j < N; ++j) squares += (values[j] - mean) * (values[j] - mean);
  });
  return {mean, 1 / sqrtf(over_block(squares, Sum{}) / cols + shape.epsilon)};
}

template <int N, int kHeld, bool kCentred, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    forward_kernel(NormShape shape, const T* x, const T* gain, const T* bias, T* y) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * shape.cols;
  const Row<N, kHeld, T> of_x(x + row, shape.cols);
  const RowStatistics s = statistics<kCentred>(shape, of_x);
  for_held<N, kHeld>(shape.cols, [&](int i, std::int64_t col) {
    float values[N], gains[N], shifts[N] = {};
    of_x.get(i, col, values);
    load<N>(gain + col, gains);
    if (bias != nullptr) load<N>(bias + col, shifts);
    for (int j = 0; j < N; ++j)
      values[j] = gains[j] * ((values[j] - s.mean) * s.inverse) + shifts[j];
    save<N>(y + row + col, values);
  });
}

struct GradientMeans {
  float plain, with_x;
};

/// Means over the row of g = gain * dy and of g times the normalised x.
template <bool kCentred, int N, int kHeld, typename T>
__device__ GradientMeans gradient_means(const NormShape& shape, const RowStatistics& s,
                                        const Row<N, kHeld, T>& x, const T* gain,
                                        const Row<N, kHeld, T>& dy) {
  float plain = 0, with_x = 0;
  for_held<N, kHeld>(shape.cols, [&](int i, std::int64_t col) {
    float values[N], gains[N], gradients[N];
    x.get(i, col, values);
    load<N>(gain + col, gains);
    dy.get(i, col, gradients);
    for (int j = 0; j < N; ++j) {
      const float g = gains[j] * gradients[j];
      plain += g;
      with_x += g * ((values[j] - s.mean) * s.inverse);
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

/// What a block sums over its rows, column by column: gain, and bias of layer norm. A column is
/// always the same thread's; sums are in registers where its packs are, else in shared memory.
template <int N, int kHeld, bool kCentred>
class ColumnSums {
 public:
  __device__ explicit ColumnSums(std::int64_t cols)
      : cols_(cols), shared_(reinterpret_cast<float*>(dynamic_shared())) {
    if constexpr (kHeld > 0) return;
    const float zeros[N] = {};
    for_packs<N>(cols, [&](std::int64_t col) {
      save<N>(shared_ + col, zeros);
      if (kCentred) save<N>(shared_ + cols + col, zeros);
    });
  }
  __device__ __forceinline__ void add(int i, std::int64_t col, const float (&of_gain)[N],
                                      const float (&of_bias)[N]) {
    if constexpr (kHeld > 0) {
#pragma unroll
      for (int j = 0; j < N; ++j) {
        gain_[i][j] += of_gain[j];
        if (kCentred) bias_[i][j] += of_bias[j];
      }
    } else {
      add_to<N>(shared_ + col, of_gain);
      if (kCentred) add_to<N>(shared_ + cols_ + col, of_bias);
    }
  }
  /// To memory: sums of gain, and behind them those of bias.
  __device__ __forceinline__ void leave(float* to) const {
    for_held<N, kHeld>(cols_, [&](int i, std::int64_t col) {
      float sums[N];
      if constexpr (kHeld > 0) {
        save<N>(to + col, gain_[i]);
        if (kCentred) save<N>(to + cols_ + col, bias_[i]);
      } else {
        load<N>(shared_ + col, sums);
        save<N>(to + col, sums);
        if (!kCentred) return;
        load<N>(shared_ + cols_ + col, sums);
        save<N>(to + cols_ + col, sums);
      }
    });
  }

 private:
  std::int64_t cols_;
  float* shared_;
  float gain_[kHeld > 0 ? kHeld : 1][N] = {}, bias_[kHeld > 0 ? kHeld : 1][N] = {};
};

/// Rows blockIdx.x, blockIdx.x + gridDim.x, ... The next row is asked for before this one is
/// treated: what a row waits for, from memory and from the other threads, hides behind the other.
template <int N, int kHeld, bool kCentred, typename T>
__global__ void __launch_bounds__(kMostRowThreads)
    backward_kernel(NormShape shape, const T* x, const T* gain, const T* dy, T* dx, bool add_dx,
                    float* partial) {
  const std::int64_t cols = shape.cols;
  ColumnSums<N, kHeld, kCentred> sums(cols);
  std::int64_t row = blockIdx.x * cols;
  Row<N, kHeld, T> of_x(x + row, cols), of_dy(dy + row, cols);
  for (std::int64_t r = blockIdx.x; r < shape.rows; r += gridDim.x) {
    const std::int64_t here = r * cols;
    const std::int64_t next = r + gridDim.x < shape.rows ? (r + gridDim.x) * cols : here;
    const Row<N, kHeld, T> next_x(x + next, cols), next_dy(dy + next, cols);
    const RowStatistics s = statistics<kCentred>(shape, of_x);
    const GradientMeans means = gradient_means<kCentred>(shape, s, of_x, gain, of_dy);
    for_held<N, kHeld>(cols, [&](int i, std::int64_t col) {
      float values[N], gains[N], gradients[N], result[N], of_gain[N];
      of_x.get(i, col, values);
      load<N>(gain + col, gains);
      of_dy.get(i, col, gradients);
      for (int j = 0; j < N; ++j) {
        const float normalised = (values[j] - s.mean) * s.inverse;
        of_gain[j] = gradients[j] * normalised;
        result[j] = s.inverse * (gains[j] * gradients[j] - means.plain - normalised * means.with_x);
      }
      sums.add(i, col, of_gain, gradients);
      if (add_dx) {
        float old[N];
        load<N>(dx + here + col, old);
        for (int j = 0; j < N; ++j) result[j] += old[j];
      }
      save<N>(dx + here + col, result);
    });
    of_x = next_x;
    of_dy = next_dy;
  }
  sums.leave(partial + blockIdx.x * (kCentred ? 2 : 1) * cols);
}

/// Threads of a block whose threads hold so many packs of a row each, or 0 where the row is longer.
unsigned holding_threads(std::int64_t cols, int width, int held) {
  const std::int64_t packs = (cols + width - 1) / width;
  const std::int64_t threads = ((packs + held - 1) / held + kWarp - 1) / kWarp * kWarp;
  return threads <= kMostRowThreads ? static_cast<unsigned>(threads) : 0;
}

template <bool kCentred, typename T>
void forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y,
             DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const bool vectors =
      shape.cols % kWidth == 0 && aligned(x) && aligned(gain) && aligned(bias) && aligned(y);
  const auto run = [&](auto kernel, dim3 threads) {
    launch(kernel, dim3(static_cast<unsigned>(shape.rows)), threads, 0, context.stream(), shape, x,
           gain, bias, y);
  };
  const unsigned threads = holding_threads(shape.cols, kWidth, kHeldForward);
  if (vectors && threads > 0)
    run(forward_kernel<kWidth, kHeldForward, kCentred, T>, dim3(threads));
  else if (vectors)
    run(forward_kernel<kWidth, 0, kCentred, T>, row_threads(shape.cols, kWidth));
  else
    run(forward_kernel<1, 0, kCentred, T>, row_threads(shape.cols, 1));
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
  const bool vectors =
      shape.cols % kWidth == 0 && aligned(x) && aligned(gain) && aligned(dy) && aligned(dx);
  const unsigned holding = vectors ? holding_threads(shape.cols, kWidth, kHeldBackward) : 0;
  // Two blocks of 256 threads per multiprocessor, or as many threads in smaller ones, hide each
  // other's waiting; more make the sums of blocks long.
  const std::int64_t each = holding > 0 && holding < 256 ? 512 / holding : 2;
  const std::int64_t most = context.facts().multiprocessors * each;
  const std::int64_t blocks = shape.rows < most ? shape.rows : most;
  float* const partial = context.scratch_floats(blocks * sums);
  const auto run = [&](auto kernel, dim3 threads, bool shared) {
    launch(kernel, dim3(static_cast<unsigned>(blocks)), threads,
           shared ? static_cast<std::size_t>(sums) * sizeof(float) : 0, context.stream(), shape, x,
           gain, dy, dx, add_dx, partial);
  };
  if (holding > 0)
    run(backward_kernel<kWidth, kHeldBackward, kCentred, T>, dim3(holding), false);
  else if (vectors)
    run(backward_kernel<kWidth, 0, kCentred, T>, row_threads(shape.cols, kWidth), true);
  else
    run(backward_kernel<1, 0, kCentred, T>, row_threads(shape.cols, 1), true);
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
