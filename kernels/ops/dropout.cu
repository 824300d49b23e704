#include "kernels/ops/columns.h"
#include "kernels/ops/dropout.h"
#include "kernels/ops/each.h"

namespace stepcast::cuda {
namespace {

/// The generator of kernels/cpu/dropout.cpp.
struct PhiloxWords {
  std::uint32_t words[4];
  __device__ PhiloxWords(std::uint64_t counter, std::uint64_t key) {
    std::uint32_t x0 = static_cast<std::uint32_t>(counter),
                  x1 = static_cast<std::uint32_t>(counter >> 32), x2 = 0, x3 = 0;
    std::uint32_t key0 = static_cast<std::uint32_t>(key),
                  key1 = static_cast<std::uint32_t>(key >> 32);
#pragma unroll
    for (int round = 0; round < 10; ++round) {
      const std::uint32_t low0 = 0xD2511F53U * x0, high0 = __umulhi(0xD2511F53U, x0);
      const std::uint32_t low2 = 0xCD9E8D57U * x2, high2 = __umulhi(0xCD9E8D57U, x2);
      x0 = high2 ^ x1 ^ key0;
      x1 = low2;
      x2 = high0 ^ x3 ^ key1;
      x3 = low0;
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    words[0] = x0, words[1] = x1, words[2] = x2, words[3] = x3;
  }
};

/// What elements are multiplied by.
struct Keep {
  DropoutShape shape;
  std::uint64_t seed;
  std::uint32_t threshold;
  float scale;

  explicit Keep(const DropoutShape& shape_, const Dropout& dropout)
      : shape(shape_),
        seed(dropout.seed),
        threshold(dropout_threshold(dropout.probability)),
        scale(static_cast<float>(1 / (1 - dropout.probability))) {}

  /// DropoutShape::index_of_row, here.
  __device__ std::uint64_t index(std::int64_t r, std::int64_t col) const {
    const std::int64_t row = shape.rows_per_block == 0
                                 ? shape.first_row + r
                                 : shape.first_row + r / shape.rows_per_block * shape.block_stride +
                                       r % shape.rows_per_block;
    const std::int64_t width = shape.global_cols == 0 ? shape.cols : shape.global_cols;
    return static_cast<std::uint64_t>(row * width + shape.first_col + col);
  }

  /// N > 1 begins at a multiple of 4 (whole_counters()).
  template <int N>
  __device__ void factors(std::int64_t row, std::int64_t col, float (&values)[N]) const {
    for (int i = 0; i < N; ++i) values[i] = scale;
    if (threshold == 0) return;
    const std::uint64_t at = index(row, col);
    if constexpr (N == 1) {
      const PhiloxWords drawn(at / 4, seed);
      if (drawn.words[at % 4] < threshold) values[0] = 0;
    } else {
      for (int i = 0; i < N; i += 4) {
        const PhiloxWords drawn(at / 4 + static_cast<unsigned>(i / 4), seed);
        for (int j = 0; j < 4; ++j)
          if (drawn.words[j] < threshold) values[i + j] = 0;
      }
    }
  }

  bool whole_counters() const {
    const std::int64_t width = shape.global_cols == 0 ? shape.cols : shape.global_cols;
    return width % 4 == 0 && shape.first_col % 4 == 0;
  }
};

template <typename T>
struct ForwardBody {
  Keep keep;
  const T *x, *bias, *residual;
  T* y;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    const std::int64_t at = row * keep.shape.cols + col;
    float values[N], shifts[N] = {}, old[N] = {}, factors[N];
    load<N>(x + at, values);
    if (bias != nullptr) load<N>(bias + col, shifts);
    if (residual != nullptr) load<N>(residual + at, old);
    keep.factors<N>(row, col, factors);
    for (int i = 0; i < N; ++i) values[i] = old[i] + factors[i] * (values[i] + shifts[i]);
    save<N>(y + at, values);
  }
};

template <typename T>
struct BackwardBody {
  Keep keep;
  const T* dy;
  T* dx;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col, float (&values)[N]) const {
    const std::int64_t at = row * keep.shape.cols + col;
    float factors[N];
    load<N>(dy + at, values);
    keep.factors<N>(row, col, factors);
    for (int i = 0; i < N; ++i) values[i] *= factors[i];
    save<N>(dx + at, values);
  }
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float values[N];
    run<N>(row, col, values);
  }
};

}  // namespace

template <typename T>
void residual_dropout_forward(const DropoutShape& shape, const Dropout& dropout, const T* x,
                              const T* bias, const T* residual, T* y, DeviceContext& context) {
  const Keep keep(shape, dropout);
  each_in_rows<kWidest<T>>(
      shape.rows, shape.cols,
      keep.whole_counters() && aligned(x) && aligned(bias) && aligned(residual) && aligned(y),
      ForwardBody<T>{keep, x, bias, residual, y}, context.stream());
}

template <typename T>
void residual_dropout_backward(const DropoutShape& shape, const Dropout& dropout, const T* dy,
                               T* dx, float* dbias, DeviceContext& context) {
  const Keep keep(shape, dropout);
  const BackwardBody<T> body{keep, dy, dx};
  const bool vectors = keep.whole_counters() && aligned(dy) && aligned(dx);
  if (dbias != nullptr)
    add_column_sums_of<kWidest<T>>(shape.rows, shape.cols, vectors, body, dbias, context);
  else
    each_in_rows<kWidest<T>>(shape.rows, shape.cols, vectors, body, context.stream());
}

#define STEPCAST_OF(T)                                                                            \
  template void residual_dropout_forward(const DropoutShape&, const Dropout&, const T*, const T*, \
                                         const T*, T*, DeviceContext&);                           \
  template void residual_dropout_backward(const DropoutShape&, const Dropout&, const T*, T*,      \
                                          float*, DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
