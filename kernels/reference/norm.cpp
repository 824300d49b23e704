#include "kernels/reference/norm.h"

#include <cmath>
#include <vector>

namespace stepcast::reference {
namespace {

/// (x - mean) / sqrt(variance + epsilon) of one row, and the factor 1 / sqrt(...). RMS norm takes
/// the mean for 0.
struct Normalised {
  std::vector<double> values;
  double scale = 0;
};

template <typename T>
Normalised normalised(const NormShape& shape, bool centred, const T* x) {
  const auto count = static_cast<double>(shape.cols);
  double mean = 0, variance = 0;
  for (std::int64_t c = 0; centred && c < shape.cols; ++c) mean += x[c] / count;
  for (std::int64_t c = 0; c < shape.cols; ++c) variance += (x[c] - mean) * (x[c] - mean) / count;
  Normalised result{{}, 1 / std::sqrt(variance + shape.epsilon)};
  for (std::int64_t c = 0; c < shape.cols; ++c)
    result.values.push_back((x[c] - mean) * result.scale);
  return result;
}

template <typename T>
void forward(const NormShape& shape, bool centred, const T* x, const T* gain, const T* bias, T* y) {
  for (std::int64_t r = 0; r < shape.rows; ++r) {
    const Normalised n = normalised(shape, centred, x + r * shape.cols);
    for (std::int64_t c = 0; c < shape.cols; ++c)
      y[r * shape.cols + c] = static_cast<T>(n.values[c] * gain[c] + (bias ? bias[c] : 0));
  }
}

template <typename T>
void backward(const NormShape& shape, bool centred, const T* x, const T* gain, const T* dy, T* dx,
              bool add_dx, T* dgain, T* dbias) {
  const auto count = static_cast<double>(shape.cols);
  std::vector<double> dgains(shape.cols), dbiases(shape.cols);
  for (std::int64_t r = 0; r < shape.rows; ++r, x += shape.cols, dy += shape.cols) {
    const Normalised n = normalised(shape, centred, x);
    double mean = 0, projection = 0;
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const double g = static_cast<double>(dy[c]) * gain[c];
      mean += centred ? g / count : 0;
      projection += g * n.values[c] / count;
      dgains[c] += dy[c] * n.values[c];
      dbiases[c] += dy[c];
    }
    for (std::int64_t c = 0; c < shape.cols; ++c) {
      const double g = static_cast<double>(dy[c]) * gain[c];
      const double d = n.scale * (g - mean - n.values[c] * projection);
      T& result = dx[r * shape.cols + c];
      result = static_cast<T>(d + (add_dx ? result : 0));
    }
  }
  for (std::int64_t c = 0; c < shape.cols; ++c) {
    dgain[c] = static_cast<T>(dgain[c] + dgains[c]);
    if (dbias) dbias[c] = static_cast<T>(dbias[c] + dbiases[c]);
  }
}

}  // namespace

template <typename T>
void layer_norm_forward(const NormShape& shape, const T* x, const T* gain, const T* bias, T* y) {
  forward(shape, true, x, gain, bias, y);
}

template <typename T>
void layer_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                         bool add_dx, T* dgain, T* dbias) {
  backward(shape, true, x, gain, dy, dx, add_dx, dgain, dbias);
}

template <typename T>
void rms_norm_forward(const NormShape& shape, const T* x, const T* gain, T* y) {
  forward<T>(shape, false, x, gain, nullptr, y);
}

template <typename T>
void rms_norm_backward(const NormShape& shape, const T* x, const T* gain, const T* dy, T* dx,
                       bool add_dx, T* dgain) {
  backward<T>(shape, false, x, gain, dy, dx, add_dx, dgain, nullptr);
}

#define STEPCAST_INSTANTIATE(T)                                                                   \
  template void layer_norm_forward(const NormShape&, const T*, const T*, const T*, T*);           \
  template void layer_norm_backward(const NormShape&, const T*, const T*, const T*, T*, bool, T*, \
                                    T*);                                                          \
  template void rms_norm_forward(const NormShape&, const T*, const T*, T*);                       \
  template void rms_norm_backward(const NormShape&, const T*, const T*, const T*, T*, bool, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
