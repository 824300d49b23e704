#include "kernels/reference/cross_entropy.h"

#include <limits>

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

/// Columns first .. last - 1 of (tokens, columns) logits.
std::vector<float> columns_of(const std::vector<float>& logits, const CrossEntropyShape& whole,
                              const CrossEntropyShape& part) {
  std::vector<float> result;
  for (std::int64_t t = 0; t < whole.tokens; ++t)
    for (std::int64_t c = part.first; c < part.last; ++c)
      result.push_back(logits[static_cast<std::size_t>(t * whole.columns() + c)]);
  return result;
}

struct Result {
  std::vector<float> losses;
  std::vector<float> dlogits;  ///< of the parts, one after the other
};

/// The steps on ranks that hold the parts, with the reductions between them done by hand.
Result run_split(const std::vector<float>& logits, const std::vector<std::int32_t>& targets,
                 const CrossEntropyShape& whole, const std::vector<CrossEntropyShape>& parts) {
  const auto tokens = static_cast<std::size_t>(whole.tokens);
  std::vector<float> maxima(tokens, std::numeric_limits<float>::lowest()), of_part(tokens);
  std::vector<float> sums(tokens), picked(tokens), part_sums(tokens), part_picked(tokens);
  for (const auto& part : parts) {
    cpu::row_maxima(part, columns_of(logits, whole, part).data(), of_part.data());
    for (std::size_t t = 0; t < tokens; ++t) maxima[t] = std::max(maxima[t], of_part[t]);
  }
  for (const auto& part : parts) {
    cpu::exp_sums(part, columns_of(logits, whole, part).data(), targets.data(), maxima.data(),
                  part_sums.data(), part_picked.data());
    for (std::size_t t = 0; t < tokens; ++t) {
      sums[t] += part_sums[t];
      picked[t] += part_picked[t];
    }
  }
  Result result{std::vector<float>(tokens), {}};
  cpu::losses(whole, targets.data(), sums.data(), picked.data(), result.losses.data());
  for (const auto& part : parts) {
    std::vector<float> d = columns_of(logits, whole, part);
    cpu::cross_entropy_backward(part, d.data(), targets.data(), maxima.data(), sums.data(), 0.25f,
                                d.data());
    result.dlogits.insert(result.dlogits.end(), d.begin(), d.end());
  }
  return result;
}

TEST(CrossEntropy, WholeAndSplitAgreeWithTheReference) {
  for (const std::int32_t vocabulary : {3, 33, 129, 1000}) {
    const CrossEntropyShape whole{.tokens = 65, .first = 0, .last = vocabulary};
    const auto logits = random_values(65 * vocabulary, 1, 5);
    auto targets = random_ids(65, vocabulary, 2);
    targets[7] = targets[64] = -1;
    std::vector<float> losses(65), dlogits(logits.size());
    reference::cross_entropy_forward(whole, logits.data(), targets.data(), losses.data());
    reference::cross_entropy_backward(whole, logits.data(), targets.data(), 0.25, dlogits.data());
    const CrossEntropyShape left{.tokens = 65, .first = 0, .last = vocabulary / 3};
    const CrossEntropyShape right{.tokens = 65, .first = vocabulary / 3, .last = vocabulary};
    for (const auto& parts : {std::vector{whole}, {left, right}}) {
      const Result got = run_split(logits, targets, whole, parts);
      std::vector<float> want;
      for (const auto& part : parts) {
        const auto columns = columns_of(dlogits, whole, part);
        want.insert(want.end(), columns.begin(), columns.end());
      }
      expect_close(got.losses, losses, {.terms = 64});
      expect_close(got.dlogits, want, {.elementary = 32, .terms = 64});
      EXPECT_EQ(got.losses[7], 0);
    }
  }
}

// Equal logits: every class has probability 1 / 4, the loss is log 4.
TEST(CrossEntropy, UniformLogits) {
  const CrossEntropyShape whole{.tokens = 1, .first = 0, .last = 4};
  const Result result = run_split({3, 3, 3, 3}, {2}, whole, {whole});
  EXPECT_NEAR(result.losses[0], std::log(4.0), 1e-6);
  EXPECT_NEAR(result.dlogits[0], 0.25 * 0.25, 1e-8);
  EXPECT_NEAR(result.dlogits[2], 0.25 * (0.25 - 1), 1e-8);
}

}  // namespace
}  // namespace stepcast
