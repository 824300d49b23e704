#include "sim/program/builder.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

TEST(ProgramBuilder, KeepsWhatItIsGivenInOrder) {
  ProgramBuilder builder("stage 0", 2);
  const BufferId w = builder.resident("w", Bytes{4}, Dtype::kFp32, BufferCategory::kParameters);
  const BufferId x = builder.buffer("x", Bytes{8}, Dtype::kBf16, BufferCategory::kActivations);
  const EventId done = builder.event("done");
  const BlockId block = builder.begin_block("forward");
  builder.set_origin({.phase = Phase::kBackward, .layer = 3});
  builder.alloc(x);
  builder.compute({.kind = KernelKind::kCopy}, {w}, {x}, {.signals = done});
  builder.host_wait(Stream::kData);
  builder.call(block, 1);
  EXPECT_EQ(builder.size_of(x), Bytes{8});

  const Program program = std::move(builder).finish();
  EXPECT_EQ(program.name, "stage 0");
  EXPECT_EQ(program.num_microbatches, 2u);
  EXPECT_TRUE(program.buffers[w].resident);
  EXPECT_EQ(program.buffers[w].scope, Scope::kStep);
  EXPECT_FALSE(program.buffers[x].resident);
  ASSERT_EQ(program.blocks[block].ops.size(), 3u);
  const Op& compute = program.blocks[block].ops[1];
  EXPECT_EQ(compute.signals, done);
  EXPECT_EQ(compute.origin.phase, Phase::kBackward);
  EXPECT_EQ(compute.origin.layer, 3);
  const std::vector<Operand>& operands = std::get<Compute>(compute.what).operands;
  ASSERT_EQ(operands.size(), 2u);
  EXPECT_EQ(operands[1].view.buffer, x);
  EXPECT_EQ(operands[1].access, Access::kWrite);
  EXPECT_EQ(program.blocks[block].ops[2].stream, Stream::kData);
  ASSERT_EQ(program.calls.size(), 1u);
  EXPECT_EQ(program.calls[0].microbatch, 1u);
}

TEST(ProgramBuilder, RefusesWhatCannotBeMeant) {
  ProgramBuilder builder("p", 2);
  EXPECT_THROW(builder.alloc(0), InternalError);  // no such buffer
  const BufferId x = builder.buffer("x", Bytes{8}, Dtype::kBf16, BufferCategory::kActivations);
  EXPECT_THROW(builder.alloc(x), InternalError);  // no open block
  const BlockId block = builder.begin_block("forward");
  EXPECT_THROW(builder.compute({}, {x + 1}, {}), InternalError);
  EXPECT_THROW(builder.compute({}, {}, {}, {.waits_for = {0}}), InternalError);
  EXPECT_THROW(builder.send(Stream::kSendNext, {}, {}), InternalError);  // no buffer
  EXPECT_THROW(builder.call(block, 2), InternalError);
  EXPECT_THROW(builder.call(block + 1, 0), InternalError);
  EXPECT_THROW(builder.resident("w", Bytes{-1}, Dtype::kFp32, BufferCategory::kParameters),
               InternalError);
  EXPECT_THROW(ProgramBuilder("p", 0), InternalError);
}

}  // namespace
}  // namespace stepcast
