#include "sim/lowering/stage_layout.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

Model model_of(std::int64_t layers) {
  Model model;
  model.num_layers = layers;
  model.hidden_size = 2048;
  model.ffn_hidden_size = 8192;
  model.vocab_size = 131072;
  return model;
}

std::vector<std::int64_t> layers_of(const Model& model, std::int64_t pp, StageBalance balance,
                                    std::int64_t virtual_stages = 1) {
  Plan plan;
  plan.pp = pp;
  plan.virtual_stages = virtual_stages;
  std::vector<std::int64_t> counts;
  for (const Chunk& chunk : cut_model(model, plan, balance)) counts.push_back(chunk.num_layers);
  return counts;
}

using Counts = std::vector<std::int64_t>;

TEST(StageLayout, UniformSharesEvenlyOverChunks) {
  EXPECT_EQ(layers_of(model_of(8), 2, StageBalance::kUniform, 2), (Counts{2, 2, 2, 2}));
}

TEST(StageLayout, BalancedStagesDifferByOneLayerAtMost) {
  EXPECT_EQ(layers_of(model_of(10), 4, StageBalance::kBalanced), (Counts{3, 3, 2, 2}));
  EXPECT_EQ(layers_of(model_of(8), 4, StageBalance::kBalanced), (Counts{2, 2, 2, 2}));
  EXPECT_THROW(layers_of(model_of(3), 4, StageBalance::kBalanced), Error);
}

TEST(StageLayout, EndsMinusOneSparesFirstAndLast) {
  // (10 + 2) / 3 = 4 slots each, one of them taken by embedding or head.
  EXPECT_EQ(layers_of(model_of(10), 3, StageBalance::kEndsMinusOne), (Counts{3, 4, 3}));
  EXPECT_EQ(layers_of(model_of(10), 1, StageBalance::kEndsMinusOne), (Counts{10}));
}

// In units of h^2 = 2048^2: a layer costs 4 + 3 * 4 = 16, the head 64, the whole 16 * 16 + 64 =
// 320. A quarter is 80 = 5 layers exactly: "reaches" ends the stage there.
TEST(StageLayout, ByComputeCostEndsAStageWhenItsShareIsReached) {
  EXPECT_EQ(layers_of(model_of(16), 4, StageBalance::kByComputeCost), (Counts{5, 5, 5, 1}));
}

// A head of more than a stage's share: the last stage has nothing else.
TEST(StageLayout, TheHeadIsAlwaysOnTheLastStage) {
  // Eighths of 320 are 40: 3 layers (48), then 5 (80), 8 (128), 10 (160), 13 (208), 15 (240); the
  // seventh stage takes the last layer and the eighth the head.
  EXPECT_EQ(layers_of(model_of(16), 8, StageBalance::kByComputeCost),
            (Counts{3, 2, 3, 2, 3, 2, 1, 0}));
}

TEST(StageLayout, PartsAreContiguousWithEmbeddingAndHeadAtTheEnds) {
  Plan plan;
  plan.pp = 4;
  const std::vector<Chunk> chunks = cut_model(model_of(16), plan, StageBalance::kByComputeCost);
  std::int64_t next = 0;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    EXPECT_EQ(chunks[i].first_layer, next);
    EXPECT_EQ(chunks[i].embedding, i == 0);
    EXPECT_EQ(chunks[i].head, i + 1 == chunks.size());
    next += chunks[i].num_layers;
  }
  EXPECT_EQ(next, 16);
}

TEST(StageLayout, LayersThatDoNotDivideAreRefused) {
  EXPECT_THROW(layers_of(model_of(10), 4, StageBalance::kUniform), Error);
  EXPECT_THROW(layers_of(model_of(9), 3, StageBalance::kEndsMinusOne), Error);
  EXPECT_THROW(layers_of(model_of(2), 4, StageBalance::kByComputeCost), Error);
}

}  // namespace
}  // namespace stepcast
