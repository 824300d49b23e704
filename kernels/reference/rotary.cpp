#include "kernels/reference/rotary.h"

#include <cmath>

namespace stepcast::reference {

template <typename T>
void rotary(const RotaryShape& shape, double base, bool inverse, const T* x, T* y) {
  const std::int64_t half = shape.head_dim / 2;
  const bool halves = shape.pairs == RotaryPairs::kHalves;
  for (std::int64_t row = 0; row < shape.sequences * shape.tokens; ++row)
    for (std::int64_t head = 0; head < shape.heads; ++head)
      for (std::int64_t i = 0; i < half; ++i) {
        const auto position = static_cast<double>(shape.first_position + row % shape.tokens);
        const double angle =
            (inverse ? -1 : 1) * position *
            std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(shape.head_dim));
        const std::int64_t begin = row * shape.stride + head * shape.head_dim;
        const std::int64_t first = begin + (halves ? i : 2 * i);
        const std::int64_t second = first + (halves ? half : 1);
        const double a = x[first], b = x[second];
        y[first] = static_cast<T>(a * std::cos(angle) - b * std::sin(angle));
        y[second] = static_cast<T>(b * std::cos(angle) + a * std::sin(angle));
      }
}

template void rotary(const RotaryShape&, double, bool, const float*, float*);
template void rotary(const RotaryShape&, double, bool, const double*, double*);

}  // namespace stepcast::reference
