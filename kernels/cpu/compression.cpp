#include "kernels/cpu/compression.h"

#include <algorithm>
#include <array>
#include <bit>

#include "kernels/cpu/vectorize.h"

namespace stepcast::cpu {
namespace {

STEPCAST_VECTORIZED float largest_magnitude(std::int64_t n, const float* x) {
  float largest = 0;
#pragma omp simd reduction(max : largest)
  for (std::int64_t i = 0; i < n; ++i) {
    const float magnitude = x[i] < 0 ? -x[i] : x[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

STEPCAST_VECTORIZED void quantize_block(std::int64_t n, float inverse, const float* x,
                                        std::int8_t* q) {
  // Adding 1.5 * 2^23 rounds to a whole number.
  constexpr float kRound = 12582912.0f;
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i)
    q[i] = static_cast<std::int8_t>(static_cast<std::int32_t>(x[i] * inverse + kRound - kRound));
}

STEPCAST_VECTORIZED void dequantize_block(std::int64_t n, float scale, const std::int8_t* q,
                                          float* x) {
#pragma omp simd
  for (std::int64_t i = 0; i < n; ++i) x[i] = scale * static_cast<float>(q[i]);
}

/// Orders as the magnitude does: the number without its sign.
std::uint32_t magnitude_key(float value) {
  return std::bit_cast<std::uint32_t>(value) & 0x7fffffffu;
}

/// The key of which k of the n keys are not smaller, and how many of its equals are among those k.
struct Threshold {
  std::uint32_t key = 0;
  std::int64_t equals = 0;
};

/// The same found digit by digit from the top: each reading counts how many keys with the digits
/// found so far have which next one. So its time hardly depends on what the numbers are. k >= 1.
class ThresholdSearch {
 public:
  ThresholdSearch(std::int64_t n, std::int64_t k, const float* x) : n_(n), x_(x), wanted_(k) {}

  Threshold run() {
    find_digit(21, 10);
    find_digit(10, 11);
    find_digit(0, 10);
    return {key_, wanted_};
  }

 private:
  static constexpr int kMostBits = 11;

  /// `bits` bits of the key from bit `shift` on; those above are found.
  void find_digit(int shift, int bits) {
    // Two tables, so that neighbours of one size don't wait for each other.
    std::array<std::array<std::uint32_t, 1 << kMostBits>, 2> counts{};
    const std::uint32_t mask = (1u << bits) - 1;
    for (std::int64_t i = 0; i < n_; ++i) {
      const std::uint32_t key = magnitude_key(x_[i]);
      if ((key ^ key_) >> (shift + bits) == 0) ++counts[i & 1][key >> shift & mask];
    }
    std::uint32_t digit = mask;
    const auto count = [&] { return std::int64_t{counts[0][digit]} + counts[1][digit]; };
    for (; count() < wanted_; --digit) wanted_ -= count();
    key_ |= digit << shift;
  }

  std::int64_t n_;
  const float* x_;
  std::int64_t wanted_;    ///< of the keys with the digits found so far
  std::uint32_t key_ = 0;  ///< these digits
};

/// Calls visit(block, begin, count).
template <typename Visit>
void for_blocks(const QuantizeShape& shape, Visit visit) {
  for (std::int64_t b = 0; b < shape.blocks(); ++b)
    visit(b, b * shape.block, std::min(shape.block, shape.n - b * shape.block));
}

}  // namespace

void top_k(std::int64_t n, std::int64_t k, const float* x, std::int32_t* indices, float* values) {
  if (k == 0) return;
  const Threshold least = ThresholdSearch(n, k, x).run();
  std::int64_t found = 0, equals = 0;
  for (std::int64_t i = 0; i < n && found < k; ++i) {
    const std::uint32_t key = magnitude_key(x[i]);
    if (key < least.key || (key == least.key && equals++ >= least.equals)) continue;
    indices[found] = static_cast<std::int32_t>(i);
    values[found++] = x[i];
  }
}

void add_sparse(std::int64_t k, const std::int32_t* indices, const float* values, float* x) {
  for (std::int64_t i = 0; i < k; ++i) x[indices[i]] += values[i];
}

void quantize(const QuantizeShape& shape, const float* x, std::int8_t* q, float* scales) {
  for_blocks(shape, [&](std::int64_t b, std::int64_t begin, std::int64_t count) {
    const float largest = largest_magnitude(count, x + begin);
    scales[b] = largest / 127;
    quantize_block(count, largest > 0 ? 127 / largest : 0, x + begin, q + begin);
  });
}

void dequantize(const QuantizeShape& shape, const std::int8_t* q, const float* scales, float* x) {
  for_blocks(shape, [&](std::int64_t b, std::int64_t begin, std::int64_t count) {
    dequantize_block(count, scales[b], q + begin, x + begin);
  });
}

}  // namespace stepcast::cpu
