// A job in which joined lanes learn too late what another rank is waiting for.
#include <gtest/gtest.h>

#include "sim/engine/meetings.h"
#include "tests/engine/small_jobs.h"

namespace stepcast {
namespace {

constexpr std::int64_t kNicUs = 25'000;  // bytes per microsecond

Collective all_reduce(GroupRole role, std::int64_t bytes) {
  return {.kind = CollectiveKind::kAllReduce,
          .group = role,
          .size = Bytes(bytes),
          .dtype = Dtype::kFp16};
}

/// Issues a kernel that waits for the message from the last stage, and behind it, on the tensor
/// stream, a collective of 3 us that waits for nothing and lets the message to the next stage go.
Program first_stage() {
  ProgramBuilder builder("first", 1);
  const Bytes size(3 * kNicUs);
  const BufferId buffer = builder.resident("b", size, Dtype::kFp16, BufferCategory::kCommunication);
  const EventId arrived = builder.event("arrived"), reduced = builder.event("reduced");
  builder.call(builder.begin_block("block"), 0);
  builder.recv(Stream::kRecvPrevious,
               {.peer = Peer::kPrevious, .size = size, .tag = 1, .buffer = buffer},
               {.waits_for = {}, .signals = arrived});
  builder.compute(gemm_us(5), {}, {}, {.waits_for = {arrived}});
  builder.collective(Stream::kTensor, all_reduce(GroupRole::kTensor, 3 * 300'000),
                     {.waits_for = {}, .signals = reduced});
  builder.send(Stream::kSendNext, {.peer = Peer::kNext, .size = size, .tag = 0, .buffer = buffer},
               {.waits_for = {reduced}});
  builder.collective(Stream::kEmbedding, all_reduce(GroupRole::kEmbedding, 3 * kNicUs),
                     {.waits_for = {reduced}});
  return std::move(builder).finish();
}

/// Computes 100 us, then sends to the first stage. The embedding collective may run beside either
/// message: all three are flows, whose ends are not known before they happen.
Program last_stage() {
  ProgramBuilder builder("last", 1);
  const Bytes size(3 * kNicUs);
  const BufferId buffer = builder.resident("b", size, Dtype::kFp16, BufferCategory::kCommunication);
  const EventId ready = builder.event("ready");
  builder.call(builder.begin_block("block"), 0);
  builder.recv(Stream::kRecvPrevious,
               {.peer = Peer::kPrevious, .size = size, .tag = 0, .buffer = buffer}, {});
  builder.compute(gemm_us(100), {}, {}, {.waits_for = {}, .signals = ready});
  builder.send(Stream::kSendNext, {.peer = Peer::kNext, .size = size, .tag = 1, .buffer = buffer},
               {.waits_for = {ready}});
  builder.collective(Stream::kEmbedding, all_reduce(GroupRole::kEmbedding, 3 * kNicUs),
                     {.waits_for = {ready}});
  return std::move(builder).finish();
}

/// Two stages of two tensor-parallel ranks, one node each with a NIC per rank.
Job crossing_job() {
  Job job;
  job.programs = {first_stage(), last_stage()};
  for (Rank rank = 0; rank < 4; ++rank) {
    job.ranks.push_back(place(rank / 2));
    job.ranks.back().next = job.ranks.back().previous = (rank + 2) % 4;
  }
  add_group(job, GroupRole::kTensor, {0, 1});
  add_group(job, GroupRole::kEmbedding, {0, 2});
  add_group(job, GroupRole::kEmbedding, {1, 3});
  return job;
}

struct LanesTest : testing::Test {
  Job job = crossing_job();
  Fabric fabric{nvswitch_cluster(2, 2, 2), 4};
  CostModel costs = round_costs();
};

TEST_F(LanesTest, JoinedLanesNoticeThatTheyKnowTooLate) {
  EngineChoices choices;
  EXPECT_THROW(run_job(job, fabric, costs, {}, choices), PostedTooLate);
}

TEST_F(LanesTest, SimulateFallsBackToSeparateLanes) {
  // First stage: collective 0..3, message 3..6. Last stage: kernel 0..100, then the message and the
  // embedding collective share the NIC: 100..106. First stage: kernel 106..111.
  SimulateOptions options;
  options.spans = true;
  const Simulation result = simulate(job, fabric, costs, options);
  EXPECT_NEAR(in_us(result.step_time), 111, 1e-6);
  bool seen = false;
  for (const Span& span : result.trace.spans) {
    const Op& op = job.programs[job.ranks[span.rank].program].blocks[0].ops[span.op];
    if (span.rank != 0 || op.stream != Stream::kSendNext) continue;
    EXPECT_NEAR(in_us(span.end), 6, 1e-6);
    seen = true;
  }
  EXPECT_TRUE(seen);
}

}  // namespace
}  // namespace stepcast
