#include "kernels/reference/dropout.h"

#include <array>

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

// Known answers of the authors' Random123 library, kat_vectors: counter 0, key 0.
TEST(Philox, KnownAnswer) {
  std::array<std::uint32_t, 4> words{};
  philox(0, 0, words.data());
  EXPECT_EQ(words, (std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

TEST(ResidualDropout, ForwardAndBackwardAgreeWithTheReference) {
  for (const double probability : {0.0, 0.1, 0.9})
    for (const std::int64_t cols : {1, 7, 33, 1029})
      for (const bool all : {false, true}) {
        const DropoutShape shape{.rows = 9, .cols = cols, .first_row = 3};
        const Dropout dropout{.probability = probability, .seed = 0x123456789abcdef};
        const auto x = random_values(9 * cols, 1), residual = random_values(9 * cols, 2);
        const auto bias = random_values(cols, 3);
        std::vector<float> got(x.size()), want(x.size());
        std::vector<float> got_sums = random_values(cols, 4), want_sums = got_sums;
        const float* b = all ? bias.data() : nullptr;
        const float* r = all ? residual.data() : nullptr;
        cpu::residual_dropout_forward(shape, dropout, x.data(), b, r, got.data());
        reference::residual_dropout_forward(shape, dropout, x.data(), b, r, want.data());
        expect_close(got, want, {});
        cpu::residual_dropout_backward(shape, dropout, x.data(), got.data(), got_sums.data());
        reference::residual_dropout_backward(shape, dropout, x.data(), want.data(),
                                             want_sums.data());
        expect_close(got, want, {});
        expect_close(got_sums, want_sums, {.terms = 9});
      }
}

TEST(ResidualDropout, DropsTheShareAskedFor) {
  const DropoutShape shape{.rows = 100, .cols = 1000};
  std::vector<float> ones(100000, 1.0f);
  const float* none = nullptr;
  cpu::residual_dropout_forward(shape, {.probability = 0.3, .seed = 5}, ones.data(), none, none,
                                ones.data());
  const auto dropped = static_cast<double>(std::count(ones.begin(), ones.end(), 0.0f));
  // Standard deviation sqrt(0.3 * 0.7 / 100,000) = 0.0014.
  EXPECT_NEAR(dropped / 100000, 0.3, 0.006);
  EXPECT_NEAR(*std::max_element(ones.begin(), ones.end()), 1 / 0.7, 1e-6);
}

/// Mask of a share, as a tensor of ones comes out of it.
std::vector<float> mask_of(const DropoutShape& shape) {
  std::vector<float> x(static_cast<std::size_t>(shape.rows * shape.cols), 1.0f);
  const float* none = nullptr;
  cpu::residual_dropout_forward(shape, {.probability = 0.5, .seed = 9}, x.data(), none, none,
                                x.data());
  return x;
}

// Two sequences of 6 tokens, 10 columns. By columns: halves of 5. By sequence: rank 1 of 2 holds
// tokens 3 .. 5 of each sequence, global rows 3 .. 5 and 9 .. 11.
TEST(ResidualDropout, EveryShardDrawsTheMaskOfTheWhole) {
  const auto whole = mask_of({.rows = 12, .cols = 10});
  const auto right = mask_of({.rows = 12, .cols = 5, .first_col = 5, .global_cols = 10});
  const auto late =
      mask_of({.rows = 6, .cols = 10, .rows_per_block = 3, .block_stride = 6, .first_row = 3});
  for (std::size_t r = 0; r < 12; ++r)
    for (std::size_t c = 0; c < 5; ++c)
      EXPECT_EQ(right[r * 5 + c], whole[r * 10 + 5 + c]) << r << ", " << c;
  for (std::size_t r = 0; r < 6; ++r)
    for (std::size_t c = 0; c < 10; ++c) {
      const std::size_t global_row = r < 3 ? 3 + r : 9 + (r - 3);
      EXPECT_EQ(late[r * 10 + c], whole[global_row * 10 + c]) << r << ", " << c;
    }
}

}  // namespace
}  // namespace stepcast
