#include "kernels/ops/each.h"
#include "kernels/ops/rotary.h"

namespace stepcast::cuda {
namespace {

/// "Columns" are the pairs of a row: heads * head_dim / 2.
template <typename T>
struct RotaryBody {
  RotaryShape shape;
  const float *cosines, *sines;
  bool inverse;
  const T* x;
  T* y;

  template <int N>
  __device__ void run(std::int64_t row, std::int64_t col) const {
    const auto half = static_cast<unsigned>(shape.head_dim / 2);
    const unsigned head = static_cast<unsigned>(col) / half,
                   pair = static_cast<unsigned>(col) % half;
    const std::int64_t position = shape.first_position + row % shape.tokens;
    float c[N], s[N];
    load<N>(cosines + position * half + pair, c);
    load<N>(sines + position * half + pair, s);
    if (inverse)
      for (int i = 0; i < N; ++i) s[i] = -s[i];
    const std::int64_t at = row * shape.stride + head * shape.head_dim;
    if (shape.pairs == RotaryPairs::kHalves)
      turn_halves<N>(at + pair, half, c, s);
    else
      turn_neighbours<N>(at + 2 * pair, c, s);
  }

  template <int N>
  __device__ void turn_halves(std::int64_t at, unsigned half, const float (&c)[N],
                              const float (&s)[N]) const {
    float a[N], b[N];
    load<N>(x + at, a);
    load<N>(x + at + half, b);
    for (int i = 0; i < N; ++i) {
      const float turned = a[i] * c[i] - b[i] * s[i];
      b[i] = b[i] * c[i] + a[i] * s[i];
      a[i] = turned;
    }
    save<N>(y + at, a);
    save<N>(y + at + half, b);
  }

  template <int N>
  __device__ void turn_neighbours(std::int64_t at, const float (&c)[N], const float (&s)[N]) const {
    // Two packs of N: 2 N elements need not begin at a multiple of their size.
    float first[N], second[N], values[2 * N];
    load<N>(x + at, first);
    load<N>(x + at + N, second);
    for (int i = 0; i < N; ++i) values[i] = first[i], values[N + i] = second[i];
    for (int i = 0; i < N; ++i) {
      const float turned = values[2 * i] * c[i] - values[2 * i + 1] * s[i];
      values[2 * i + 1] = values[2 * i + 1] * c[i] + values[2 * i] * s[i];
      values[2 * i] = turned;
    }
    for (int i = 0; i < N; ++i) first[i] = values[i], second[i] = values[N + i];
    save<N>(y + at, first);
    save<N>(y + at + N, second);
  }
};

}  // namespace

template <typename T>
void rotary(const RotaryShape& shape, const DeviceRotaryTable& table, bool inverse, const T* x,
            T* y, DeviceContext& context) {
  constexpr int kWidth = kWidest<T>;
  const std::int64_t half = shape.head_dim / 2;
  const RotaryBody<T> body{shape, table.cosines(), table.sines(), inverse, x, y};
  const bool vectors = aligned(x) && aligned(y) && half % kWidth == 0 && shape.stride % kWidth == 0;
  each_in_rows<kWidth>(shape.sequences * shape.tokens, shape.heads * half, vectors, body,
                       context.stream());
}

#define STEPCAST_OF(T)                                                                   \
  template void rotary(const RotaryShape&, const DeviceRotaryTable&, bool, const T*, T*, \
                       DeviceContext&);
STEPCAST_OF(float)
STEPCAST_OF(Bf16)
STEPCAST_OF(Fp16)

}  // namespace stepcast::cuda
