#include "kernels/live/step_plan.h"

#include <gtest/gtest.h>

#include "sim/program/builder.h"

namespace stepcast {
namespace {

/// A buffer that a message reads on a stream of its own, and one that comes to lie in its place.
struct Reuse {
  ProgramBuilder builder{"p", 1};
  BufferId sent = builder.buffer("sent", Bytes(600), Dtype::kFp32, BufferCategory::kActivations);
  BufferId next = builder.buffer("next", Bytes(600), Dtype::kFp32, BufferCategory::kActivations);
  EventId done = builder.event("sent.done");

  void send(ProgramBuilder::Order order) {
    builder.send(Stream::kSendNext, {.peer = Peer::kNext, .size = Bytes(600), .buffer = sent},
                 order);
  }
  /// Some kernel that writes the buffer.
  void write(BufferId buffer, ProgramBuilder::Order order = {}) {
    builder.compute(Kernel{.kind = KernelKind::kCopy}, {}, {buffer}, order);
  }
  StepPlan plan() {
    builder.call(0, 0);
    return plan_step(std::move(builder).finish());
  }
};

TEST(StepPlan, WhoComesToLieInAPlaceWaitsForTheLastOneAtWorkThere) {
  Reuse reuse;
  reuse.builder.begin_block("b");
  reuse.builder.alloc(reuse.sent);  // op 0
  reuse.write(reuse.sent);          // 1
  reuse.send({});                   // 2
  reuse.builder.free(reuse.sent);   // 3
  reuse.builder.alloc(reuse.next);  // 4
  reuse.write(reuse.next);          // 5
  reuse.builder.free(reuse.next);
  const StepPlan plan = reuse.plan();
  EXPECT_EQ(plan.offsets, (std::vector<std::int64_t>{0, 0}));
  EXPECT_EQ(plan.arena_size, Bytes(1024));
  ASSERT_EQ(plan.set_after.size(), 1u);
  EXPECT_EQ(plan.set_after[0].op, 2u);
  EXPECT_EQ(plan.wait_before, (std::vector<OpMark>{{.op = 5, .mark = plan.set_after[0].mark}}));
  EXPECT_GE(plan.set_after[0].mark, 1u);  // 0 is the event's
}

TEST(StepPlan, NothingIsAddedWhereAnEventSaysSo) {
  Reuse reuse;
  reuse.builder.begin_block("b");
  reuse.builder.alloc(reuse.sent);
  reuse.send({.signals = reuse.done});
  reuse.builder.free(reuse.sent, Stream::kCompute, {.waits_for = {reuse.done}});
  reuse.builder.alloc(reuse.next);
  reuse.write(reuse.next);
  reuse.builder.free(reuse.next);
  EXPECT_TRUE(reuse.plan().wait_before.empty());
}

TEST(StepPlan, NothingIsAddedWhereTheHostHasWaited) {
  Reuse reuse;
  reuse.builder.begin_block("b");
  reuse.builder.alloc(reuse.sent);
  reuse.send({});
  reuse.builder.free(reuse.sent);
  reuse.builder.host_wait(Stream::kSendNext);
  reuse.builder.alloc(reuse.next);
  reuse.write(reuse.next);
  reuse.builder.free(reuse.next);
  EXPECT_TRUE(reuse.plan().wait_before.empty());
}

// The sender is still at work when the second buffer, which nobody touches, is given back, too.
TEST(StepPlan, AWaitThatNobodyMadeIsHandedOn) {
  Reuse reuse;
  const BufferId third =
      reuse.builder.buffer("third", Bytes(512), Dtype::kFp32, BufferCategory::kActivations);
  reuse.builder.begin_block("b");
  reuse.builder.alloc(reuse.sent);
  reuse.send({});  // op 1
  reuse.builder.free(reuse.sent);
  reuse.builder.alloc(reuse.next);
  reuse.builder.free(reuse.next);
  reuse.builder.alloc(third);
  reuse.write(third);  // op 6
  reuse.builder.free(third);
  const StepPlan plan = reuse.plan();
  ASSERT_EQ(plan.wait_before.size(), 1u);
  EXPECT_EQ(plan.set_after[0].op, 1u);
  EXPECT_EQ(plan.wait_before[0].op, 6u);
}

TEST(StepPlan, InstancesOfEventsHaveMarksOfTheirOwn) {
  ProgramBuilder builder("p", 3);
  const EventId each = builder.event("each"), once = builder.event("once", Scope::kStep);
  const Program program = std::move(builder).finish();
  const StepPlan plan = plan_step(program);
  EXPECT_EQ(plan.mark_of(program, each, 2), 2u);
  EXPECT_EQ(plan.mark_of(program, once, 2), 3u);
}

}  // namespace
}  // namespace stepcast
