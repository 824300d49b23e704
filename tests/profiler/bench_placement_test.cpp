#include "kernels/profiler/bench_placement.h"

#include <gtest/gtest.h>

#include <array>

namespace stepcast {
namespace {

/// y = gelu(x) of 100 bf16 numbers: 200 bytes each, 256 with their alignment.
BenchCase gelu() {
  return default_case({.kind = KernelKind::kGeluForward, .dtype = Dtype::kBf16, .dims = {100}});
}

TEST(BenchPlacement, CountsInputsAndOutputsOfEveryTurn) {
  const BenchBlocks blocks = blocks_of(gelu(), 3);
  EXPECT_EQ(blocks.inputs, 3 * 256);
  EXPECT_EQ(blocks.outputs, 3 * 256);
  EXPECT_EQ(blocks.ids, 0);
}

TEST(BenchPlacement, TurnsAreDistinctAndInputsApartFromWhatIsWritten) {
  std::array<std::byte, 1024> inputs{}, outputs{};
  const auto turns =
      place_operands(gelu(), 3, {.half_inputs = inputs.data(), .half_outputs = outputs.data()});
  ASSERT_EQ(turns.size(), 3u);
  for (std::size_t turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(turns[turn].front().memory, inputs.data() + 256 * turn);
    EXPECT_EQ(turns[turn].back().memory, outputs.data() + 256 * turn);
  }
}

// Token ids are few and read only: all turns share them. The table is one of inputs.
TEST(BenchPlacement, TurnsShareIdsAndLeftOutOperandsHaveNoMemory) {
  const BenchCase lookup = default_case(
      {.kind = KernelKind::kEmbeddingForward, .dtype = Dtype::kFp32, .dims = {10, 64}});
  EXPECT_EQ(blocks_of(lookup, 2).ids, 10);
  std::array<std::byte, 64> ids{};
  std::byte* const numbers = ids.data() + 1;  // never looked at
  const auto turns = place_operands(
      lookup, 2, {.wide_inputs = numbers, .wide_outputs = numbers, .ids = ids.data()});
  for (const auto& operands : turns)
    for (std::size_t i = 0; i < operands.size(); ++i) {
      const BenchOperand& operand = lookup.operands[i];
      if (operand.content == BenchOperand::Content::kIds) {
        EXPECT_EQ(operands[i].memory, ids.data());
      }
      EXPECT_EQ(operand.layout.rows == 0, operands[i].memory == nullptr);
    }
}

// 8-bit integers are a byte each and turn like numbers; a norm that is read is 1 for all.
TEST(BenchPlacement, CodesTurnAndNormsAreOnes) {
  const BenchCase quantize =
      default_case({.kind = KernelKind::kQuantize, .dtype = Dtype::kFp32, .dims = {300, 100}});
  EXPECT_EQ(blocks_of(quantize, 2).codes, 2 * 512);
  EXPECT_EQ(blocks_of(quantize, 2).outputs, 2 * 256);  // three scales
  std::array<std::byte, 4096> memory{};
  const auto turns = place_operands(
      quantize, 2,
      {.wide_inputs = memory.data(), .wide_outputs = memory.data(), .codes = memory.data() + 2048});
  EXPECT_EQ(turns[0][1].memory, memory.data() + 2048);
  EXPECT_EQ(turns[1][1].memory, memory.data() + 2048 + 512);
  const BenchCase clip =
      default_case({.kind = KernelKind::kClipGradient, .dtype = Dtype::kFp32, .dims = {64}});
  EXPECT_EQ(clip.operands[0].content, BenchOperand::Content::kOnes);
  EXPECT_EQ(blocks_of(clip, 1).inputs, 0);
}

// top_k leaves indices that rise, and so do those that are put back: each once.
TEST(BenchPlacement, IndicesOfASparseTensorRise) {
  const BenchCase sparse =
      default_case({.kind = KernelKind::kAddSparse, .dtype = Dtype::kFp32, .dims = {1000, 7}});
  const std::vector<std::int32_t> random(10, 3);
  EXPECT_EQ(ids_of(sparse, random, 7),
            (std::vector<std::int32_t>{0, 142, 285, 428, 571, 714, 857}));
}

}  // namespace
}  // namespace stepcast
