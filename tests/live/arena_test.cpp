#include "kernels/live/arena.h"

#include <gtest/gtest.h>

#include "kernels/live/cpu_device.h"
#include "kernels/live/step_plan.h"
#include "kernels/live/weights.h"
#include "sim/memory/memory.h"
#include "sim/program/builder.h"

namespace stepcast {
namespace {

TEST(ArenaPlacement, FillsGapsAndJoinsThem) {
  ArenaPlacement placement;
  const std::int64_t a = placement.take(Bytes(512)), b = placement.take(Bytes(1)),
                     c = placement.take(Bytes(512));
  EXPECT_EQ(a, 0);
  EXPECT_EQ(b, 512);
  EXPECT_EQ(c, 1024);
  placement.give_back(a, Bytes(512));
  placement.give_back(b, Bytes(1));  // one byte takes a line of 512
  EXPECT_EQ(placement.take(Bytes(1000)), 0);
  EXPECT_EQ(placement.reach(), Bytes(1536));
  EXPECT_EQ(placement.peak(), Bytes(1536));
}

TEST(Arena, PeakIsThatOfTheWalk) {
  ProgramBuilder builder("p", 3);
  builder.resident("w", Bytes(700), Dtype::kFp32, BufferCategory::kParameters);
  builder.resident("ids", Bytes(100), Dtype::kFp32, BufferCategory::kWorkspace, AtStart::kTokens,
                   Scope::kMicrobatch);
  const BufferId kept =
      builder.buffer("kept", Bytes(600), Dtype::kFp32, BufferCategory::kActivations);
  const BlockId forward = builder.begin_block("forward");
  builder.alloc(kept);
  const BlockId backward = builder.begin_block("backward");
  builder.free(kept);
  for (std::uint32_t m = 0; m < 3; ++m) builder.call(forward, m);
  for (std::uint32_t m = 0; m < 3; ++m) builder.call(backward, m);
  const Program program = std::move(builder).finish();

  CpuDevice device(reference_launchers());
  const StepPlan plan = plan_step(program);
  Arena arena(program, plan, device);
  for (std::uint32_t m = 0; m < 3; ++m) arena.alloc(kept, m);
  EXPECT_EQ(arena.peak(), Bytes(1024 + 3 * 512 + 3 * 1024));
  EXPECT_EQ(arena.peak(), walk_memory(program).total);
  EXPECT_EQ(plan.arena_size, arena.peak());
}

// Queries and keys of two ranks: rank 1 has the second half of either.
TEST(Weights, SectionsAreSplitEachOnItsOwn) {
  const WeightShape shape{.rows = 3, .columns = 2, .split = SplitAxis::kRows, .sections = {2, 1}};
  EXPECT_EQ(global_elements(shape, 2), 12);
  const auto row = [&](std::int64_t index, std::int64_t local_row) {
    return global_element(shape, 2, index, 2 * local_row) / 2;
  };
  EXPECT_EQ(row(0, 0), 0);  // queries: rows 0 .. 3
  EXPECT_EQ(row(0, 2), 4);  // keys: rows 4, 5
  EXPECT_EQ(row(1, 0), 2);
  EXPECT_EQ(row(1, 2), 5);
}

TEST(Weights, ColumnsOfTwoRanksLieSideBySide) {
  const WeightShape shape{.rows = 2, .columns = 3, .split = SplitAxis::kColumns, .sections = {3}};
  EXPECT_EQ(global_element(shape, 2, 1, 0), 3);
  EXPECT_EQ(global_element(shape, 2, 1, 3), 9);
}

}  // namespace
}  // namespace stepcast
