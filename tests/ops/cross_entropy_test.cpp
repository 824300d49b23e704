#include "kernels/ops/cross_entropy.h"

#include <cmath>

#include "kernels/reference/cross_entropy.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

template <typename T>
struct CrossEntropy : testing::Test {
  TestDevice device;
};
using Types = testing::Types<float, Bf16, Fp16>;
TYPED_TEST_SUITE(CrossEntropy, Types);

constexpr std::int64_t kTokens = 9;

/// Columns of (tokens, width) from `first` on, padded with `behind` large values that must not
/// count.
std::vector<float> columns_of(const std::vector<float>& logits, std::int64_t width,
                              std::int64_t first, std::int64_t count, std::int64_t behind) {
  std::vector<float> part;
  for (std::int64_t t = 0; t < kTokens; ++t) {
    const auto row = logits.begin() + t * width + first;
    part.insert(part.end(), row, row + count);
    part.insert(part.end(), static_cast<std::size_t>(behind), 1000.0F);
  }
  return part;
}

/// The steps on ranks that hold `held` columns each, the last padded, with the reductions between
/// the steps done by hand: losses, and gradients of the words.
template <typename T>
void expect_split(TestDevice& device, std::int64_t vocabulary, std::int64_t held,
                  const std::vector<std::int32_t>& targets) {
  const auto logits = as_stored<T>(random_values(kTokens * vocabulary, 1, 4));
  const DeviceArray<std::int32_t> on_targets(targets);
  const std::int64_t ranks = (vocabulary + held - 1) / held;
  std::vector<float> maxima(kTokens, -INFINITY), sums(kTokens, 0), picked(kTokens, 0);
  std::vector<DeviceArray<T>> parts;
  const auto shape_of = [&](std::int64_t rank) {
    return CrossEntropyShape{.tokens = kTokens,
                             .first = static_cast<std::int32_t>(rank * held),
                             .last = static_cast<std::int32_t>((rank + 1) * held)};
  };
  const auto words_of = [&](std::int64_t rank) { return std::min(held, vocabulary - rank * held); };
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    parts.push_back(on_device<T>(
        columns_of(logits, vocabulary, rank * held, words_of(rank), held - words_of(rank))));
    const DeviceArray<float> of_part(kTokens);
    cuda::row_maxima(shape_of(rank), words_of(rank), held, parts.back().data(),
                     static_cast<const T*>(nullptr), of_part.data(), device.context);
    const auto values = of_part.values();
    for (std::size_t t = 0; t < kTokens; ++t) maxima[t] = std::max(maxima[t], values[t]);
  }
  const DeviceArray<float> on_maxima(maxima);
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    const DeviceArray<float> part_sums(kTokens), part_picked(kTokens);
    T* const part = parts[static_cast<std::size_t>(rank)].data();
    cuda::exp_rows(shape_of(rank), words_of(rank), part, static_cast<const T*>(nullptr),
                   on_targets.data(), on_maxima.data(), nullptr, part, part_sums.data(),
                   part_picked.data(), device.context);
    for (std::size_t t = 0; t < kTokens; ++t) {
      sums[t] += part_sums.values()[t];
      picked[t] += part_picked.values()[t];
    }
  }
  const DeviceArray<float> on_sums(sums), on_picked(picked), on_losses(kTokens);
  cuda::losses(shape_of(0), on_targets.data(), on_sums.data(), on_picked.data(), on_losses.data(),
               device.context);
  const CrossEntropyShape whole{.tokens = kTokens, .last = static_cast<std::int32_t>(vocabulary)};
  std::vector<float> losses(kTokens), dlogits(logits.size());
  reference::cross_entropy_forward(whole, logits.data(), targets.data(), losses.data());
  reference::cross_entropy_backward(whole, logits.data(), targets.data(), 0.25, dlogits.data());
  expect_close(from_device(on_losses), losses, {.elementary = 16, .terms = vocabulary});
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    const auto& part = parts[static_cast<std::size_t>(rank)];
    cuda::cross_entropy_gradient(shape_of(rank), part.data(), on_targets.data(), on_sums.data(),
                                 0.25f, part.data(), device.context);
    auto want = columns_of(dlogits, vocabulary, rank * held, words_of(rank), held - words_of(rank));
    std::replace(want.begin(), want.end(), 1000.0F, 0.0F);  // padding has no gradient
    // Exponentials were rounded to T too.
    reference::Tolerance tolerance{.elementary = 64, .terms = vocabulary};
    if constexpr (!std::is_same_v<T, float>)
      tolerance.elementary += 2 * kEpsilonOf<T> / reference::kFp32Epsilon;
    expect_stored(part, want, tolerance);
  }
}

TYPED_TEST(CrossEntropy, StepsOfOneRankAndOfSeveralComeToTheDefinition) {
  const auto targets = random_ids(kTokens, 90, 2);
  for (const std::int64_t held : {97, 96, 40, 33})
    expect_split<TypeParam>(this->device, 90, held, targets);
}

TYPED_TEST(CrossEntropy, NegativeTargetsAreLeftOut) {
  expect_split<TypeParam>(this->device, 90, 97, {3, -1, 7, 89, -5, 0, 1, -1, 2});
}

// fp32 exponentials of 16-bit logits are not rounded, so gradients are as near as those of fp32.
TEST(CrossEntropySteps, ExponentialsOfNarrowLogitsMayBeFp32) {
  TestDevice device;
  const CrossEntropyShape shape{.tokens = 5, .last = 40};
  const auto logits = as_stored<Bf16>(random_values(200, 1, 3));
  const auto targets = random_ids(5, 40, 3);
  const DeviceArray<std::int32_t> on_targets(targets);
  const auto on_logits = on_device<Bf16>(logits);
  const DeviceArray<float> exponentials(200), sums(5), picked(5);
  cuda::exp_rows<Bf16>(shape, 40, on_logits.data(), nullptr, on_targets.data(), nullptr, nullptr,
                       exponentials.data(), sums.data(), picked.data(), device.context);
  cuda::cross_entropy_gradient<Bf16, float>(shape, exponentials.data(), on_targets.data(),
                                            sums.data(), 0.25F, on_logits.data(), device.context);
  std::vector<float> want(200);
  reference::cross_entropy_backward(shape, logits.data(), targets.data(), 0.25, want.data());
  expect_stored(on_logits, want, {.elementary = 64, .terms = 40});
}

// With a bias, and maxima that nobody has reduced.
TEST(CrossEntropySteps, OwnMaximaAndBias) {
  TestDevice device;
  const CrossEntropyShape shape{.tokens = 5, .last = 40};
  const auto logits = random_values(200, 1, 3), bias = random_values(40, 2);
  const auto targets = random_ids(5, 30, 3);
  std::vector<float> maxima(5), exponentials(200), sums(5), picked(5);
  cpu::row_maxima_of_words(shape, 30, logits.data(), bias.data(), maxima.data());
  cpu::exp_rows(shape, 30, logits.data(), bias.data(), targets.data(), maxima.data(),
                exponentials.data(), sums.data(), picked.data());
  const auto on_logits = on_device<float>(logits), on_bias = on_device<float>(bias);
  const DeviceArray<std::int32_t> on_targets(targets);
  const DeviceArray<float> on_maxima(5), on_sums(5), on_picked(5), loss(std::vector<float>{2});
  cuda::exp_rows(shape, 30, on_logits.data(), on_bias.data(), on_targets.data(), nullptr,
                 on_maxima.data(), on_logits.data(), on_sums.data(), on_picked.data(),
                 device.context);
  EXPECT_EQ(from_device(on_maxima), maxima);
  EXPECT_EQ(from_device(on_picked), picked);
  expect_close(from_device(on_sums), sums, {.elementary = 32, .terms = 40});
  expect_close(from_device(on_logits), exponentials, {.elementary = 32});
  cuda::sum_of_losses(5, on_sums.data(), on_picked.data(), 0.5, true, loss.data(), device.context);
  const double want = 2 + 0.5 * cpu::sum_of_losses(5, sums.data(), picked.data());
  EXPECT_NEAR(loss.values()[0], want, 1e-5);
}

}  // namespace
}  // namespace stepcast
