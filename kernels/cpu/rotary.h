// Rotary position embedding [Su et al. 2021, RoFormer, equation 34]: pairs of elements of every
// query and key head are turned by an angle that grows with the token's position.
#pragma once

#include <cstdint>
#include <vector>

namespace stepcast {

/// Which elements of a head form pair i.
enum class RotaryPairs : std::uint8_t {
  kHalves,       ///< i and i + head_dim / 2: GPT-NeoX, Llama on Hugging Face, Megatron-LM
  kInterleaved,  ///< 2 i and 2 i + 1: RoFormer, GPT-J
};

/// Tokens are those of `sequences` stretches of `tokens` each; the first of each has position
/// first_position. Element (row, head, i) is x[row * stride + head * head_dim + i].
struct RotaryShape {
  std::int64_t sequences = 0;
  std::int64_t tokens = 0;
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;  ///< even
  std::int64_t stride = 0;    ///< elements from token to token
  std::int64_t first_position = 0;
  RotaryPairs pairs = RotaryPairs::kHalves;
};

/// Cosines and sines of position * base^(-2 i / head_dim): two (positions, head_dim / 2) tables.
/// Made once, when the program is set up.
struct RotaryTable {
  RotaryTable(std::int64_t positions, std::int64_t head_dim, double base = 10000);

  std::int64_t pairs;  ///< of a head: head_dim / 2
  std::vector<float> cosines;
  std::vector<float> sines;
};

namespace cpu {

/// y = x turned forward, or backward with `inverse`, which is the gradient of the former. y has the
/// shape and strides of x and may be x. The table must reach to the last position.
template <typename T>
void rotary(const RotaryShape& shape, const RotaryTable& table, bool inverse, const T* x, T* y);

}  // namespace cpu
}  // namespace stepcast
