// Programs small enough to work out every time by hand. Microseconds throughout.
#include "sim/engine/simulate.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "tests/engine/small_jobs.h"

namespace stepcast {
namespace {

constexpr double kTolerance = 1e-6;  // of a microsecond

Simulation run(const Job& job, const CostModel& costs = round_costs(),
               SimulateOptions options = {}) {
  options.spans = true;
  const auto fabric = Fabric(nvswitch_cluster(4), static_cast<std::int64_t>(job.ranks.size()));
  return simulate(job, fabric, costs, options);
}

Job one_rank(ProgramBuilder builder) {
  Job job;
  job.programs.push_back(std::move(builder).finish());
  job.ranks.push_back(place(0));
  return job;
}

TEST(Simulate, RunsKernelsOneAfterTheOther) {
  ProgramBuilder builder("rank", 3);
  const BlockId block = builder.begin_block("forward");
  builder.compute(gemm_us(5), {}, {});
  builder.compute(gemm_us(7), {}, {});
  for (std::uint32_t i = 0; i < 3; ++i) builder.call(block, i);
  const Simulation result = run(one_rank(std::move(builder)));
  EXPECT_NEAR(in_us(result.step_time), 36, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.compute), 36, kTolerance);
  EXPECT_EQ(result.grade, Grade::kMeasured);
  ASSERT_EQ(result.trace.spans.size(), 6u);
  EXPECT_NEAR(in_us(result.trace.spans[5].begin), 29, kTolerance);
}

TEST(Simulate, TellsHowUncertainKernelsAreThatWereNotMeasuredOnTheirDevice) {
  // Kernels of 5 and 7 us, three times, each 25 % uncertain: they are off together, by 9 us.
  const auto uncertain = [](Grade grade) {
    ProgramBuilder builder("rank", 3);
    const BlockId block = builder.begin_block("forward");
    builder.compute(gemm_us(5), {}, {});
    builder.compute(gemm_us(7), {}, {});
    for (std::uint32_t i = 0; i < 3; ++i) builder.call(block, i);
    const CostModel costs = round_costs(silent_cpu(), ideal_network_profile(), grade);
    return in_us(run(one_rank(std::move(builder)), costs).ranks[0].unmeasured_sigma);
  };
  EXPECT_NEAR(uncertain(Grade::kTransferred), 9, kTolerance);
  EXPECT_NEAR(uncertain(Grade::kAssumed), 9, kTolerance);
  EXPECT_EQ(uncertain(Grade::kFitted), 0) << "what the stack's own sigma holds already";
}

TEST(Simulate, IsBoundByTheCpuWhenKernelsAreShort) {
  // Issue takes 10 each; kernels of 3 start at 10, 20, 30, 40: end 43, idle 4 * 10 - 3 * 3 = 31.
  StackProfile stack = silent_cpu();
  stack.issue_forward = Seconds(10e-6);
  ProgramBuilder builder("rank", 1);
  const BlockId block = builder.begin_block("forward");
  for (int i = 0; i < 4; ++i) builder.compute(gemm_us(3), {}, {});
  builder.call(block, 0);
  const Simulation result = run(one_rank(std::move(builder)), round_costs(stack));
  EXPECT_NEAR(in_us(result.step_time), 43, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_host), 31, kTolerance);
}

TEST(Simulate, HidesTheCpuBehindLongKernels) {
  // The first kernel starts at 10, then the GPU is never idle: 10 + 4 * 30.
  StackProfile stack = silent_cpu();
  stack.issue_forward = Seconds(10e-6);
  ProgramBuilder builder("rank", 1);
  const BlockId block = builder.begin_block("forward");
  for (int i = 0; i < 4; ++i) builder.compute(gemm_us(30), {}, {});
  builder.call(block, 0);
  const Simulation result = run(one_rank(std::move(builder)), round_costs(stack));
  EXPECT_NEAR(in_us(result.step_time), 130, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_host), 10, kTolerance);
}

TEST(Simulate, HostWaitKeepsTheCpuFromRunningAhead) {
  // Issue 10. A runs 10..110. The CPU waits for it, issues B until 120, B runs 120..220.
  StackProfile stack = silent_cpu();
  stack.issue_forward = Seconds(10e-6);
  ProgramBuilder builder("rank", 1);
  const BlockId block = builder.begin_block("forward");
  builder.compute(gemm_us(100), {}, {});
  builder.host_wait(Stream::kCompute);
  builder.compute(gemm_us(100), {}, {});
  builder.call(block, 0);
  const Simulation result = run(one_rank(std::move(builder)), round_costs(stack));
  EXPECT_NEAR(in_us(result.step_time), 220, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_host), 20, kTolerance);
}

TEST(Simulate, CountsTheHostWorkAtTheEndOfTheStep) {
  StackProfile stack = silent_cpu();
  stack.per_step = Seconds(50e-6);
  ProgramBuilder builder("rank", 1);
  const BlockId block = builder.begin_block("step");
  builder.compute(gemm_us(8), {}, {});
  builder.host_wait(Stream::kCompute);
  builder.host_work(HostTask::kStep);
  builder.call(block, 0);
  const Simulation result = run(one_rank(std::move(builder)), round_costs(stack));
  EXPECT_NEAR(in_us(result.step_time), 58, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_host), 50, kTolerance);
}

/// Rank 0 computes 10 and sends 6 us of bytes; rank 1 computes `busy`, then receives and
/// computes 20.
Job message_job(std::int64_t busy) {
  ProgramBuilder sender("sender", 1), receiver("receiver", 1);
  const BufferId out =
      sender.resident("out", nvlink_us(6), Dtype::kFp16, BufferCategory::kActivations);
  const EventId ready = sender.event("ready");
  sender.call(sender.begin_block("send"), 0);
  sender.compute(gemm_us(10), {}, {}, {.waits_for = {}, .signals = ready});
  sender.send(Stream::kSendNext,
              {.peer = Peer::kNext, .size = nvlink_us(6), .tag = 0, .buffer = out},
              {.waits_for = {ready}});
  const BufferId in =
      receiver.resident("in", nvlink_us(6), Dtype::kFp16, BufferCategory::kActivations);
  const EventId free = receiver.event("free"), arrived = receiver.event("arrived");
  receiver.call(receiver.begin_block("receive"), 0);
  receiver.compute(gemm_us(busy), {}, {}, {.waits_for = {}, .signals = free});
  receiver.recv(Stream::kRecvPrevious,
                {.peer = Peer::kPrevious, .size = nvlink_us(6), .tag = 0, .buffer = in},
                {.waits_for = {free}, .signals = arrived});
  receiver.compute(gemm_us(20), {}, {}, {.waits_for = {arrived}});
  std::vector<Program> programs;
  programs.push_back(std::move(sender).finish());
  programs.push_back(std::move(receiver).finish());
  return pipeline_of(std::move(programs));
}

TEST(Simulate, MessageStartsWhenTheSenderIsReady) {
  // Receiver free at 4, sender at 10: bytes move 10..16, the last kernel 16..36.
  const Simulation result = run(message_job(4));
  EXPECT_NEAR(in_us(result.step_time), 36, kTolerance);
  const TimeByCause& receiver = result.ranks[1].time;
  EXPECT_NEAR(in_us(receiver.wait_pipeline), 12, kTolerance);
  EXPECT_NEAR(in_us(receiver.transfer_pipeline), 6, kTolerance);
  EXPECT_NEAR(in_us(receiver.compute), 24, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.tail), 20, kTolerance);
}

TEST(Simulate, MessageStartsWhenTheReceiverIsReady) {
  // Sender at 10, receiver at 40: 40..46, then 20.
  const Simulation result = run(message_job(40));
  EXPECT_NEAR(in_us(result.step_time), 66, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[1].time.wait_pipeline), 6, kTolerance);
}

/// Rank 0 computes 10, sends 6 us of bytes, frees them with `order` of the send, computes 5. Rank 1
/// computes 20 and receives.
Job freed_message_job(Stream stream, bool waits) {
  ProgramBuilder sender("sender", 1), receiver("receiver", 1);
  const BufferId out =
      sender.buffer("out", nvlink_us(6), Dtype::kFp16, BufferCategory::kActivations);
  const EventId ready = sender.event("ready"), sent = sender.event("sent");
  const EventId freed = sender.event("freed");
  sender.call(sender.begin_block("send"), 0);
  sender.alloc(out);
  sender.compute(gemm_us(10), {}, {out}, {.waits_for = {}, .signals = ready});
  sender.send(Stream::kSendNext,
              {.peer = Peer::kNext, .size = nvlink_us(6), .tag = 0, .buffer = out},
              {.waits_for = {ready}, .signals = sent});
  sender.free(out, stream,
              {.waits_for = waits ? std::vector{sent} : std::vector<EventId>{}, .signals = freed});
  const bool elsewhere = stream != Stream::kCompute;
  sender.compute(gemm_us(5), {}, {},
                 {.waits_for = elsewhere ? std::vector{freed} : std::vector<EventId>{}});
  const BufferId in =
      receiver.resident("in", nvlink_us(6), Dtype::kFp16, BufferCategory::kActivations);
  const EventId free = receiver.event("free");
  receiver.call(receiver.begin_block("receive"), 0);
  receiver.compute(gemm_us(20), {}, {}, {.waits_for = {}, .signals = free});
  receiver.recv(Stream::kRecvPrevious,
                {.peer = Peer::kPrevious, .size = nvlink_us(6), .tag = 0, .buffer = in},
                {.waits_for = {free}});
  std::vector<Program> programs;
  programs.push_back(std::move(sender).finish());
  programs.push_back(std::move(receiver).finish());
  return pipeline_of(std::move(programs));
}

TEST(Simulate, AFreeThatWaitsForASendHoldsTheComputeStream) {
  // The bytes move 20..26, then 5: rank 0 is idle 10..26, of which bytes move for 6.
  const Simulation result = run(freed_message_job(Stream::kCompute, true));
  EXPECT_NEAR(in_us(result.step_time), 31, kTolerance);
  const TimeByCause& sender = result.ranks[0].time;
  EXPECT_NEAR(in_us(sender.wait_pipeline), 16, kTolerance);
  EXPECT_NEAR(in_us(sender.transfer_pipeline), 6, kTolerance);
  EXPECT_NEAR(in_us(sender.compute), 15, kTolerance);
  EXPECT_NEAR(sum_of(sender), result.step_time.value(), 1e-15);
  EXPECT_EQ(result.ranks[0].program, 0u);
  EXPECT_EQ(result.trace.spans.size(), 5u) << "a free is no span";
}

TEST(Simulate, AFreeThatDoesNotWaitHoldsNothing) {
  const Simulation result = run(freed_message_job(Stream::kCompute, false));
  // Kernels until 15; the send goes on until 26.
  EXPECT_NEAR(in_us(result.step_time), 26, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_pipeline), 11, kTolerance);
}

TEST(Simulate, WhoWaitsForAFreeWaitsForWhatHeldItUp) {
  // The free stands on another stream, and the last kernel waits for its event.
  for (Stream stream : {Stream::kTensor, Stream::kSendNext}) {
    const Simulation result = run(freed_message_job(stream, stream == Stream::kTensor));
    EXPECT_NEAR(in_us(result.step_time), 31, kTolerance);
    EXPECT_NEAR(in_us(result.ranks[0].time.wait_pipeline), 16, kTolerance);
    EXPECT_NEAR(in_us(result.ranks[0].time.transfer_pipeline), 6, kTolerance);
  }
}

TEST(Simulate, GpipeBubbleIsStagesMinusOneSlotsOfForwardAndBackward) {
  // Huang et al. 2019: (m + p - 1)(f + b) with free messages: (8 + 3) * 30.
  const Job job = pipeline(std::vector<StageTimes>(4, {10, 20}), 8, Schedule::kGpipe, Bytes(0));
  const Simulation result = run(job);
  EXPECT_NEAR(in_us(result.step_time), 330, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.compute), 240, kTolerance);
}

TEST(Simulate, OneFOneBHasTheSameBubble) {
  // Narayanan et al. 2021, 2.2: t_bubble = (p - 1)(f + b).
  const Job job = pipeline(std::vector<StageTimes>(4, {10, 20}), 8, Schedule::kOneFOneB, Bytes(0));
  const Simulation result = run(job);
  EXPECT_NEAR(in_us(result.step_time), 330, kTolerance);
  for (const RankReport& rank : result.ranks)
    EXPECT_NEAR(in_us(rank.time.wait_pipeline + rank.time.tail), 90, kTolerance);
}

TEST(Simulate, GpipePaysEveryBoundaryOncePerDirection) {
  // Sends do not hold the compute stream: (m + p - 1)(f + b) + 2 (p - 1) t with t = 4.
  const Job job = pipeline(std::vector<StageTimes>(4, {10, 20}), 8, Schedule::kGpipe, nvlink_us(4));
  EXPECT_NEAR(in_us(run(job).step_time), 330 + 2 * 3 * 4, kTolerance);
}

/// Two data-parallel ranks; two kernels, the gradient of the first is reduced beside the second.
Job bucket_job(std::int64_t second, Bytes size) {
  ProgramBuilder builder("replica", 1);
  const EventId ready = builder.event("gradient"), reduced = builder.event("reduced");
  builder.call(builder.begin_block("backward"), 0);
  builder.compute(gemm_us(10), {}, {}, {.waits_for = {}, .signals = ready});
  builder.collective(Stream::kData,
                     {.kind = CollectiveKind::kAllReduce,
                      .group = GroupRole::kData,
                      .size = size,
                      .dtype = Dtype::kFp16},
                     {.waits_for = {ready}, .signals = reduced});
  builder.compute(gemm_us(second), {}, {});
  builder.compute(gemm_us(3), {}, {}, {.waits_for = {reduced}});
  Job job;
  job.programs.push_back(std::move(builder).finish());
  job.ranks = {place(0), place(0)};
  add_group(job, GroupRole::kData, {0, 1});
  return job;
}

TEST(Simulate, HidesAnAllReduceBehindALongerKernel) {
  // Ring of two: 2 (n-1)/n S / B = S / B: 8. 10 + 20 + 3.
  const Simulation result = run(bucket_job(20, nvlink_us(8)));
  EXPECT_NEAR(in_us(result.step_time), 33, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_data), 0, kTolerance);
  EXPECT_EQ(result.ranks.size(), 1u) << "both replicas are alike";
  EXPECT_EQ(result.flows, 0u) << "the links are theirs alone";
}

TEST(Simulate, ExposesWhatAnAllReduceTakesLongerThanTheKernelBesideIt) {
  // 10, all-reduce until 18 (kernel until 15), then 3.
  const Simulation result = run(bucket_job(5, nvlink_us(8)));
  EXPECT_NEAR(in_us(result.step_time), 21, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_data), 3, kTolerance);
}

TEST(Simulate, AStragglerHoldsItsGroupBack) {
  // Rank 1 at half speed: its first kernel ends at 20, all-reduce 20..28, both run the last from
  // 28; rank 1 computes 20..30 beside it, and the last kernel takes it 6.
  SimulateOptions options;
  options.slowdown = {1, 2};
  const Simulation result = run(bucket_job(5, nvlink_us(8)), round_costs(), options);
  EXPECT_EQ(result.ranks.size(), 2u);
  EXPECT_NEAR(in_us(result.step_time), 36, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].end), 31, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.tail), 5, kTolerance);
  EXPECT_NEAR(in_us(result.ranks[0].time.wait_data), 13, kTolerance);
}

TEST(Simulate, TimesByCauseAddUpToTheStepTime) {
  StackProfile stack = silent_cpu();
  stack.issue_forward = stack.issue_backward = stack.issue_p2p = Seconds(3e-6);
  const Job job = pipeline({{7, 15}, {10, 20}, {5, 30}}, 6, Schedule::kOneFOneB, nvlink_us(2));
  const Simulation result = run(job, round_costs(stack));
  for (const RankReport& rank : result.ranks)
    EXPECT_NEAR(sum_of(rank.time), result.step_time.value(), 1e-12 * result.step_time.value());
}

TEST(Simulate, TwoFlowsShareALink) {
  // Ranks 0 and 1 in node 0 with one NIC, 8 and 9 in node 1: both pairs reduce 25 us worth of the
  // NIC at the same time. Each alone: 25 us; together: 50.
  ProgramBuilder builder("replica", 1);
  builder.call(builder.begin_block("reduce"), 0);
  builder.collective(Stream::kData,
                     {.kind = CollectiveKind::kAllReduce,
                      .group = GroupRole::kData,
                      .size = Bytes(625'000),
                      .dtype = Dtype::kFp16},
                     {});
  Job job;
  job.programs.push_back(std::move(builder).finish());
  job.ranks.assign(4, place(0));
  add_group(job, GroupRole::kData, {0, 2});
  add_group(job, GroupRole::kData, {1, 3});
  const Fabric fabric(nvswitch_cluster(2, 2, 1), 4);
  const Simulation result = simulate(job, fabric, round_costs());
  EXPECT_EQ(result.ranks.size(), 1u);
  EXPECT_EQ(result.flows, 1u) << "both pairs are alike: one flow of double weight";
  EXPECT_NEAR(in_us(result.step_time), 50, kTolerance);
}

TEST(Simulate, DeadlockNamesRanksAndOps) {
  // Both send first on a stream that the receive needs: nobody ever receives.
  std::vector<Program> programs;
  for (int i = 0; i < 2; ++i) {
    ProgramBuilder builder("rank " + std::to_string(i), 1);
    const BufferId buffer =
        builder.resident("b", Bytes(8), Dtype::kFp16, BufferCategory::kActivations);
    const EventId sent = builder.event("sent");
    builder.call(builder.begin_block("exchange"), 0);
    builder.send(Stream::kSendNext,
                 {.peer = Peer::kNext, .size = Bytes(8), .tag = 0, .buffer = buffer},
                 {.waits_for = {}, .signals = sent});
    builder.recv(Stream::kRecvPrevious,
                 {.peer = Peer::kPrevious, .size = Bytes(8), .tag = 0, .buffer = buffer},
                 {.waits_for = {sent}});
    programs.push_back(std::move(builder).finish());
  }
  const Job job = pipeline_of(std::move(programs));
  try {
    run(job);
    FAIL() << "ended";
  } catch (const InternalError& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("deadlock"), std::string::npos) << text;
    EXPECT_NE(text.find("rank 1"), std::string::npos) << text;
    EXPECT_NE(text.find("send to next"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace stepcast
