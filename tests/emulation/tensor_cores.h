// kernels/ops/tensor_cores.h, lane by lane.
#pragma once

#include <cstring>

#include "kernels/cpu/element.h"
#include "tests/emulation/block.h"

namespace stepcast::cuda {

template <typename T>
std::uint32_t pair_of(float low, float high) {
  T elements[2];
  store(elements[0], low);
  store(elements[1], high);
  std::uint32_t word = 0;
  std::memcpy(&word, elements, sizeof(word));
  return word;
}

/// Element `high` of a word.
template <typename T>
float half_of(std::uint32_t word, bool high) {
  T element;
  element.bits = static_cast<std::uint16_t>(high ? word >> 16 : word);
  return widened(element);
}

template <typename T>
void multiply_add(float (&c)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1) {
  const std::uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
  std::uint32_t all[32][6];
  emulation::exchange_bytes(mine, sizeof(mine), all);
  const int g = emulation::lane() / 4, t = emulation::lane() % 4;
  for (int i = 0; i < 4; ++i) {
    const int row = g + (i >= 2 ? 8 : 0), column = 2 * t + i % 2;
    float sum = c[i];
    for (int k = 0; k < 16; ++k) {
      const int lane_a = row % 8 * 4 + k % 8 / 2, word_a = (row >= 8 ? 1 : 0) + (k >= 8 ? 2 : 0);
      const int lane_b = column * 4 + k % 8 / 2, word_b = 4 + (k >= 8 ? 1 : 0);
      sum +=
          half_of<T>(all[lane_a][word_a], k % 2 != 0) * half_of<T>(all[lane_b][word_b], k % 2 != 0);
    }
    c[i] = sum;
  }
}

template <bool kTransposed>
void load_matrices(std::uint32_t (&words)[4], const void* row) {
  const std::uint16_t* rows[32];
  emulation::exchange_bytes(&row, sizeof(row), rows);
  const int g = emulation::lane() / 4, t = emulation::lane() % 4;
  for (int matrix = 0; matrix < 4; ++matrix) {
    const auto element = [&](int r, int column) {
      return static_cast<std::uint32_t>(rows[matrix * 8 + r][column]);
    };
    words[matrix] = kTransposed ? element(2 * t, g) | element(2 * t + 1, g) << 16
                                : element(g, 2 * t) | element(g, 2 * t + 1) << 16;
  }
}

inline void copy_16_async(void* to_shared, const void* from, bool there) {
  emulation::begin_copy(to_shared, there ? from : nullptr, 16);
}
inline void close_group() { emulation::close_copies(); }
template <int kOpen>
void wait_for_groups() {
  emulation::finish_copies(kOpen);
}

}  // namespace stepcast::cuda
