#include "kernels/cpu/rotary.h"

#include <cmath>

#include "kernels/cpu/element.h"

namespace stepcast {

RotaryTable::RotaryTable(std::int64_t positions, std::int64_t head_dim, double base)
    : pairs(head_dim / 2) {
  for (std::int64_t position = 0; position < positions; ++position)
    for (std::int64_t i = 0; i < pairs; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(head_dim);
      const double angle = static_cast<double>(position) * std::pow(base, exponent);
      cosines.push_back(static_cast<float>(std::cos(angle)));
      sines.push_back(static_cast<float>(std::sin(angle)));
    }
}

namespace cpu {
namespace {

/// One head. A pair lies `apart` elements apart, and pairs `step` elements.
template <std::int64_t kStep, typename T>
STEPCAST_INLINE void turn(std::int64_t pairs, std::int64_t apart, float direction,
                          const float* cosines, const float* sines, const T* x, T* y) {
#pragma omp simd
  for (std::int64_t i = 0; i < pairs; ++i) {
    const float a = widened(x[i * kStep]), b = widened(x[i * kStep + apart]);
    const float sine = direction * sines[i];
    store(y[i * kStep], a * cosines[i] - b * sine);
    store(y[i * kStep + apart], b * cosines[i] + a * sine);
  }
}

template <std::int64_t kStep, typename T>
STEPCAST_VECTORIZED void turn_all(const RotaryShape& shape, const RotaryTable& table,
                                  float direction, const T* x, T* y) {
  const std::int64_t apart = kStep == 1 ? table.pairs : 1;
  for (std::int64_t row = 0; row < shape.sequences * shape.tokens; ++row) {
    const std::int64_t angles = (shape.first_position + row % shape.tokens) * table.pairs;
    for (std::int64_t head = 0; head < shape.heads; ++head) {
      const std::int64_t begin = row * shape.stride + head * shape.head_dim;
      turn<kStep>(table.pairs, apart, direction, table.cosines.data() + angles,
                  table.sines.data() + angles, x + begin, y + begin);
    }
  }
}

}  // namespace

template <typename T>
void rotary(const RotaryShape& shape, const RotaryTable& table, bool inverse, const T* x, T* y) {
  const float direction = inverse ? -1.0f : 1.0f;
  if (shape.pairs == RotaryPairs::kHalves)
    turn_all<1>(shape, table, direction, x, y);
  else
    turn_all<2>(shape, table, direction, x, y);
}

#define STEPCAST_INSTANTIATE(T) \
  template void rotary(const RotaryShape&, const RotaryTable&, bool, const T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace cpu
}  // namespace stepcast
