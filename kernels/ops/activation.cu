#include <cmath>

#include "kernels/ops/activation.h"
#include "kernels/ops/columns.h"
#include "kernels/ops/each.h"

namespace stepcast::cuda {
namespace {

// The tanh form is x * sigmoid(2 u) with u = sqrt(2/pi) (x + 0.044715 x^3), since
// (1 + tanh u) / 2 = sigmoid(2 u), which does not cancel where it is small.
constexpr float kTwiceRootTwoOverPi = 1.5957691216f;
constexpr float kCubic = 0.044715f;
constexpr float kRootHalf = 0.7071067812f;
constexpr float kOneOverRootTwoPi = 0.3989422804f;

struct Sigmoid {
  float value, slope;
};

/// From e^-|x|, so that neither overflows nor cancels.
__device__ __forceinline__ Sigmoid sigmoid(float x) {
  const float e = expf(-fabsf(x)), inverse = 1 / (1 + e);
  return {x >= 0 ? inverse : e * inverse, e * inverse * inverse};
}

__device__ __forceinline__ float normal_cdf(float x) { return 0.5f * erfcf(-x * kRootHalf); }

__device__ __forceinline__ float activated(Activation kind, float x) {
  switch (kind) {
    case Activation::kGeluTanh:
      return x * sigmoid(kTwiceRootTwoOverPi * (x + kCubic * x * x * x)).value;
    case Activation::kGeluErf:
      return x * normal_cdf(x);
    case Activation::kRelu:
      break;
  }
  return x > 0 ? x : 0;
}

__device__ __forceinline__ float slope(Activation kind, float x) {
  switch (kind) {
    case Activation::kGeluTanh: {
      const Sigmoid s = sigmoid(kTwiceRootTwoOverPi * (x + kCubic * x * x * x));
      return s.value + x * s.slope * kTwiceRootTwoOverPi * (1 + 3 * kCubic * x * x);
    }
    case Activation::kGeluErf:
      return normal_cdf(x) + x * kOneOverRootTwoPi * expf(-0.5f * x * x);
    case Activation::kRelu:
      break;
  }
  return x > 0 ? 1 : 0;
}

template <int N, typename T>
__device__ __forceinline__ void load_biased(const T* x, const T* bias, std::int64_t col,
                                            float (&values)[N]) {
  load<N>(x, values);
  if (bias == nullptr) return;
  float shifts[N];
  load<N>(bias + col, shifts);
  for (int i = 0; i < N; ++i) values[i] += shifts[i];
}

template <typename T>
struct ForwardBody {
  Activation kind;
  std::int64_t cols;
  const T *x, *bias;
  T* y;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float values[N];
    load_biased<N>(x + row * cols + col, bias, col, values);
    for (int i = 0; i < N; ++i) values[i] = activated(kind, values[i]);
    save<N>(y + row * cols + col, values);
  }
  template <int N>
  __device__ void run(std::int64_t i) const {
    run<N>(0, i);
  }
};

template <typename T>
struct BackwardBody {
  Activation kind;
  std::int64_t cols;
  const T *x, *bias, *dy;
  T* dx;
  /// `values` get dx in fp32.
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col, float (&values)[N]) const {
    float gradients[N];
    load_biased<N>(x + row * cols + col, bias, col, values);
    load<N>(dy + row * cols + col, gradients);
    for (int i = 0; i < N; ++i) values[i] = gradients[i] * slope(kind, values[i]);
    save<N>(dx + row * cols + col, values);
  }
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float values[N];
    run<N>(row, col, values);
  }
  template <int N>
  __device__ void run(std::int64_t i) const {
    run<N>(0, i);
  }
};

template <typename T>
struct SwigluBody {
  SwigluShape shape;
  const T *gate, *up;
  T* y;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float gates[N], values[N];
    load<N>(gate + row * shape.stride + col, gates);
    load<N>(up + row * shape.stride + col, values);
    for (int i = 0; i < N; ++i) values[i] *= gates[i] * sigmoid(gates[i]).value;
    save<N>(y + row * shape.cols + col, values);
  }
};

template <typename T>
struct SwigluBackwardBody {
  SwigluShape shape;
  const T *gate, *up, *dy;
  T *dgate, *dup;
  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    float gates[N], values[N], gradients[N];
    load<N>(gate + row * shape.stride + col, gates);
    load<N>(up + row * shape.stride + col, values);
    load<N>(dy + row * shape.cols + col, gradients);
    for (int i = 0; i < N; ++i) {
      const Sigmoid s = sigmoid(gates[i]);
      const float of_up = gradients[i] * gates[i] * s.value;
      gates[i] = gradients[i] * values[i] * (s.value + gates[i] * s.slope);
      values[i] = of_up;
    }
    save<N>(dgate + row * shape.stride + col, gates);
    save<N>(dup + row * shape.stride + col, values);
  }
};

}  // namespace

template <typename T>
void activation_forward(const ActivationShape& shape, const T* x, const T* bias, T* y,
                        DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const ForwardBody<T> body{shape.kind, shape.cols, x, bias, y};
  const bool vectors = aligned(x) && aligned(bias) && aligned(y);
  if (bias == nullptr)
    each_element<kWidth>(shape.rows * shape.cols, vectors, body, context.stream());
  else
    each_in_rows<kWidth>(shape.rows, shape.cols, vectors, body, context.stream());
}

template <typename T>
void activation_backward(const ActivationShape& shape, const T* x, const T* bias, const T* dy,
                         T* dx, float* dbias, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const BackwardBody<T> body{shape.kind, shape.cols, x, bias, dy, dx};
  const bool vectors = aligned(x) && aligned(bias) && aligned(dy) && aligned(dx);
  if (dbias != nullptr)
    add_column_sums_of<kWidth>(shape.rows, shape.cols, vectors, body, dbias, context);
  else if (bias != nullptr)
    each_in_rows<kWidth>(shape.rows, shape.cols, vectors, body, context.stream());
  else
    each_element<kWidth>(shape.rows * shape.cols, vectors, body, context.stream());
}

template <typename T>
void swiglu_forward(const SwigluShape& shape, const T* gate, const T* up, T* y,
                    DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  each_in_rows<kWidth>(shape.rows, shape.cols,
                       aligned(gate) && aligned(up) && aligned(y) && shape.stride % kWidth == 0,
                       SwigluBody<T>{shape, gate, up, y}, context.stream());
}

template <typename T>
void swiglu_backward(const SwigluShape& shape, const T* gate, const T* up, const T* dy, T* dgate,
                     T* dup, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const bool vectors = aligned(gate) && aligned(up) && aligned(dy) && aligned(dgate) &&
                       aligned(dup) && shape.stride % kWidth == 0;
  each_in_rows<kWidth>(shape.rows, shape.cols, vectors,
                       SwigluBackwardBody<T>{shape, gate, up, dy, dgate, dup}, context.stream());
}

#define STEPCAST_OF(T)                                                                        \
  template void activation_forward(const ActivationShape&, const T*, const T*, T*,            \
                                   DeviceContext&);                                           \
  template void activation_backward(const ActivationShape&, const T*, const T*, const T*, T*, \
                                    float*, DeviceContext&);                                  \
  template void swiglu_forward(const SwigluShape&, const T*, const T*, T*, DeviceContext&);   \
  template void swiglu_backward(const SwigluShape&, const T*, const T*, const T*, T*, T*,     \
                                DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
