#include "kernels/reference/embedding.h"

#include "tests/support/tensors.h"

namespace stepcast {
namespace {

TEST(Embedding, AgreesWithTheReferenceWholeAndSplit) {
  for (const auto& [first, last] : {std::pair{0, 50}, {0, 13}, {13, 50}})
    for (const bool add : {false, true}) {
      const EmbeddingShape shape{.tokens = 129, .width = 33, .first = first, .last = last};
      const auto ids = random_ids(129, 50, 1);
      const auto table = random_values((last - first) * 33, 2), dy = random_values(129 * 33, 3);
      std::vector<float> got = random_values(129 * 33, 4), want = got;
      cpu::embedding_forward(shape, ids.data(), table.data(), got.data(), add);
      reference::embedding_forward(shape, ids.data(), table.data(), want.data(), add);
      EXPECT_EQ(got, want);
      std::vector<float> got_gradient = random_values((last - first) * 33, 5);
      std::vector<float> want_gradient = got_gradient;
      cpu::embedding_backward(shape, ids.data(), dy.data(), got_gradient.data());
      reference::embedding_backward(shape, ids.data(), dy.data(), want_gradient.data());
      expect_close(got_gradient, want_gradient, {.terms = 129});
    }
}

TEST(Embedding, SharesOfTheRanksAddUpToTheWhole) {
  const auto ids = random_ids(40, 20, 1);
  const auto table = random_values(20 * 5, 2);
  std::vector<float> whole(200), share(200), sum(200);
  cpu::embedding_forward({.tokens = 40, .width = 5, .first = 0, .last = 20}, ids.data(),
                         table.data(), whole.data(), false);
  for (std::int32_t first = 0; first < 20; first += 5) {
    cpu::embedding_forward({.tokens = 40, .width = 5, .first = first, .last = first + 5},
                           ids.data(), table.data() + first * 5, share.data(), false);
    for (std::size_t i = 0; i < 200; ++i) sum[i] += share[i];
  }
  EXPECT_EQ(sum, whole);
}

}  // namespace
}  // namespace stepcast
