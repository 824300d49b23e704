// Kernels beside transfers: hand-worked cases, then random jobs, whose every kernel is checked
// against the transfers that really ran beside it, and which must not depend on how they are
// computed.
#include "sim/engine/kernel_pace.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tests/engine/random_jobs.h"

namespace stepcast {
namespace {

/// A collective takes a quarter of the round device's 100 SMs, a message half of them.
StackProfile slowing_stack(StackProfile stack = silent_cpu()) {
  stack.collective_sms = 25;
  stack.p2p_sms = 50;
  return stack;
}

void all_reduce(ProgramBuilder& builder, Stream stream, GroupRole role, std::int64_t us,
                ProgramBuilder::Order order) {
  builder.collective(stream,
                     {.kind = CollectiveKind::kAllReduce,
                      .group = role,
                      .size = nvlink_us(us),
                      .dtype = Dtype::kFp16},
                     std::move(order));
}

/// A kernel of `first` us, an all-reduce of 8 us that waits for it, beside it a kernel of 10 us,
/// and one of 5 us that waits for both.
Program beside(std::int64_t first) {
  ProgramBuilder builder("rank", 1);
  const EventId ready = builder.event("ready"), reduced = builder.event("reduced");
  builder.call(builder.begin_block("block"), 0);
  builder.compute(gemm_us(first), {}, {}, {.waits_for = {}, .signals = ready});
  all_reduce(builder, Stream::kData, GroupRole::kData, 8,
             {.waits_for = {ready}, .signals = reduced});
  builder.compute(gemm_us(10), {}, {});
  builder.compute(gemm_us(5), {}, {}, {.waits_for = {reduced}});
  return std::move(builder).finish();
}

Job pair_of(std::int64_t first, std::int64_t second) {
  Job job;
  job.programs = {beside(first), beside(second)};
  job.ranks = {place(0), place(1)};
  add_group(job, GroupRole::kData, {0, 1});
  return job;
}

Simulation run(const Job& job, const StackProfile& stack, bool closed_forms = true) {
  const Fabric fabric(nvswitch_cluster(1), 8);
  SimulateOptions options;
  options.spans = true;
  EngineChoices choices;
  choices.closed_forms = closed_forms;
  return run_job(job, fabric, round_costs(stack), options, choices);
}

double end_us(const Simulation& result, Rank rank) {
  return in_us(result.ranks[result.class_of_rank[rank]].end);
}

TEST(KernelPace, AKernelIsSlowedForThePartThatItSharesAndNoMore) {
  // The all-reduce runs from 10 to 18 us. Until then 8 * 3/4 = 6 us of the second kernel are done;
  // the other 4 take until 22 us, the last kernel until 27 us.
  const Simulation result = run(pair_of(10, 10), slowing_stack());
  EXPECT_NEAR(in_us(result.step_time), 27, 1e-9);
  EXPECT_NEAR(in_us(result.ranks[0].time.compute), 27, 1e-9);
}

TEST(KernelPace, ATransferThatBeginsDuringAKernelSlowsItsRest) {
  // Rank 1 is ready at 13 us: the bytes move from 13 to 21 us. Rank 0's second kernel has done 3 us
  // by 13 and 6 more by 21, and ends at 22, the last one at 27. Rank 1's: 13 + 8 + 4 + 5 = 30.
  const Simulation result = run(pair_of(10, 13), slowing_stack());
  EXPECT_NEAR(end_us(result, 0), 27, 1e-9);
  EXPECT_NEAR(end_us(result, 1), 30, 1e-9);
}

TEST(KernelPace, NothingIsSlowedWhenTransfersTakeNothing) {
  EXPECT_NEAR(in_us(run(pair_of(10, 13), silent_cpu()).step_time), 28, 1e-9);
}

TEST(KernelPace, FlowsAndClosedFormsSlowKernelsAlike) {
  const Simulation closed = run(pair_of(10, 13), slowing_stack());
  const Simulation flows = run(pair_of(10, 13), slowing_stack(), false);
  EXPECT_NEAR(closed.step_time / flows.step_time, 1, 1e-9);
}

TEST(KernelPace, TransfersThatRunTogetherMultiply) {
  // A collective (8 us) and a message (4 us), both from rank 0 to rank 1 and from 0 us on, move at
  // half speed for 8 us; then the collective's other half takes 4 us. A kernel of 10 us beside them
  // does 8 * 3/8 + 4 * 3/4 = 6 us of its work by then, and ends at 12 + 4 = 16 us.
  std::vector<Program> programs;
  for (const bool sends : {true, false}) {
    ProgramBuilder builder("rank", 1);
    const BufferId buffer =
        builder.resident("b", nvlink_us(4), Dtype::kFp16, BufferCategory::kCommunication);
    builder.call(builder.begin_block("block"), 0);
    all_reduce(builder, Stream::kData, GroupRole::kData, 8, {});
    if (sends)
      builder.send(Stream::kSendNext,
                   {.peer = Peer::kNext, .size = nvlink_us(4), .tag = 0, .buffer = buffer}, {});
    else
      builder.recv(Stream::kRecvPrevious,
                   {.peer = Peer::kPrevious, .size = nvlink_us(4), .tag = 0, .buffer = buffer}, {});
    builder.compute(gemm_us(10), {}, {});
    programs.push_back(std::move(builder).finish());
  }
  Job job = pipeline_of(std::move(programs));
  add_group(job, GroupRole::kData, {0, 1});
  EXPECT_NEAR(end_us(run(job, slowing_stack()), 0), 16, 1e-6);
}

TEST(KernelPace, MemoryBoundKernelsLoseBandwidthAndProductsLoseSms) {
  StackProfile stack = slowing_stack();
  stack.collective_memory_share = 0.1;
  const KernelRates rates(round_costs(stack));
  EXPECT_EQ(rates.products.at(Port::kData), 0.75);
  EXPECT_EQ(rates.products.at(Port::kSendNext), 0.5);
  EXPECT_EQ(rates.memory_bound.at(Port::kTensor), 0.9);
  EXPECT_EQ(rates.memory_bound.at(Port::kRecvNext), 1.0);
  EXPECT_EQ(KernelRates(round_costs()).slowing_ports(), kNoPorts);
}

TEST(KernelPace, AStackThatLeavesNoSmsIsRefused) {
  StackProfile stack = silent_cpu();
  stack.collective_sms = 100;
  EXPECT_THROW(round_costs(stack), Error);
}

TEST(Overlap, WhatWaitsForEachOtherDoesNotOverlap) {
  const Overlap overlap = find_overlap(beside(10), set_of(Port::kData));
  EXPECT_EQ(overlap.ports, set_of(Port::kData));
  EXPECT_FALSE(overlap.may_slow(0, 0));  // the all-reduce waits for it
  EXPECT_TRUE(overlap.may_slow(0, 2));
  EXPECT_FALSE(overlap.may_slow(0, 3));  // waits for the all-reduce
}

TEST(Overlap, OtherPortsDoNotCount) {
  EXPECT_EQ(find_overlap(beside(10), set_of(Port::kTensor)), Overlap{});
}

// ---- Random jobs --------------------------------------------------------------------------------

struct Interval {
  double begin = 0, end = 0;
};

/// What every rank did, read from the spans of a run without folding.
struct Timeline {
  struct RanKernel {
    Interval time;
    double alone = 0;
  };
  std::vector<std::vector<RanKernel>> kernels;                          // by rank
  std::vector<std::array<std::vector<Interval>, kNumPorts>> transfers;  // by rank and port

  Timeline(const RandomCase& test, const Simulation& result)
      : kernels(test.job.ranks.size()), transfers(test.job.ranks.size()) {
    for (const Span& span : result.trace.spans) {
      const Program& program = test.job.programs[test.job.ranks[span.rank].program];
      const Op& op = program.blocks[program.calls[span.call].block].ops[span.op];
      const Interval time{span.begin.value(), span.end.value()};
      if (const auto* compute = std::get_if<Compute>(&op.what))
        kernels[span.rank].push_back({time, static_cast<double>(compute->kernel.dims[0]) * 1e-6 *
                                                test.options.slowdown[span.rank]});
      else
        transfers[span.rank][static_cast<int>(*port_of(op.what))].push_back(time);
    }
    const auto posted = transfers;
    const auto wait_for = [&](Rank rank, Port port, Rank other, Port others_port) {
      auto& mine = transfers[rank][static_cast<int>(port)];
      const auto& others = posted[other][static_cast<int>(others_port)];
      for (std::size_t i = 0; i < mine.size(); ++i)
        mine[i].begin = std::max(mine[i].begin, others.at(i).begin);
    };
    for (const Group& group : test.job.groups)
      for (Rank rank : group.ranks)
        for (Rank other : group.ranks)
          wait_for(rank, static_cast<Port>(group.role), other, static_cast<Port>(group.role));
    for (Rank rank = 0; rank < test.job.ranks.size(); ++rank) {
      const RankPlace& at = test.job.ranks[rank];
      if (at.next == kNone) continue;
      wait_for(rank, Port::kSendNext, at.next, Port::kRecvPrevious);
      wait_for(rank, Port::kRecvNext, at.next, Port::kSendPrevious);
      wait_for(rank, Port::kSendPrevious, at.previous, Port::kRecvNext);
      wait_for(rank, Port::kRecvPrevious, at.previous, Port::kSendNext);
    }
  }

  /// How much of a kernel that ran alone for `alone` is done between begin and end.
  double done(Rank rank, const Interval& kernel) const {
    std::vector<double> cuts{kernel.begin, kernel.end};
    for (const auto& port : transfers[rank])
      for (const Interval& transfer : port)
        for (const double cut : {transfer.begin, transfer.end})
          if (kernel.begin < cut && cut < kernel.end) cuts.push_back(cut);
    std::sort(cuts.begin(), cuts.end());
    double sum = 0;
    for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
      const double middle = (cuts[i] + cuts[i + 1]) / 2;
      double rate = 1;
      for (int port = 0; port < kNumPorts; ++port)
        for (const Interval& transfer : transfers[rank][port])
          if (transfer.begin <= middle && middle < transfer.end)
            rate *= static_cast<Port>(port) < Port::kSendNext ? 0.75 : 0.5;
      sum += rate * (cuts[i + 1] - cuts[i]);
    }
    return sum;
  }
};

RandomCase slowing_case(std::uint64_t seed) {
  RandomCase test = random_case(seed);
  test.stack = slowing_stack(test.stack);
  return test;
}

Simulation run(const RandomCase& test, const SimulateOptions& options,
               const EngineChoices& choices) {
  const Fabric fabric(test.topology, static_cast<std::int64_t>(test.job.ranks.size()));
  return run_job(test.job, fabric, round_costs(test.stack), options, choices);
}

TEST(RandomKernelPace, EveryKernelDoesItsWorkBesideTheTransfersThatRan) {
  const auto solver = make_maxmin_solver();
  int slowed = 0, kernels = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    RandomCase test = slowing_case(seed);
    test.options.spans = true;
    test.options.folding = Folding::kOff;
    const Simulation result =
        run(test, test.options, {.compile = {.lanes = Lanes::kSeparate}, .solver = solver.get()});
    const Timeline timeline(test, result);
    for (Rank rank = 0; rank < test.job.ranks.size(); ++rank)
      for (const auto& kernel : timeline.kernels[rank]) {
        ASSERT_NEAR(timeline.done(rank, kernel.time), kernel.alone, 1e-12)
            << "case " << seed << " rank " << rank << " at " << kernel.time.begin;
        ++kernels;
        slowed += kernel.time.end - kernel.time.begin > kernel.alone * 1.001;
      }
  }
  EXPECT_GT(slowed, kernels / 20);
}

TEST(RandomKernelPace, FoldingLanesMapsAndClosedFormsChangeNothing) {
  const auto solver = make_maxmin_solver();
  for (std::uint64_t seed = 0; seed < 150; ++seed) {
    const RandomCase test = slowing_case(seed);
    const EngineChoices separate{.compile = {.lanes = Lanes::kSeparate}, .solver = solver.get()};
    const Simulation folded = run(test, test.options, separate);
    const auto expect_same = [&](const SimulateOptions& options, const EngineChoices& choices) {
      const Simulation other = run(test, options, choices);
      for (std::size_t rank = 0; rank < test.job.ranks.size(); ++rank)
        ASSERT_NEAR(folded.ranks[folded.class_of_rank[rank]].end.value(),
                    other.ranks[other.class_of_rank[rank]].end.value(),
                    1e-12 * folded.step_time.value())
            << "case " << seed << " rank " << rank;
    };
    SimulateOptions options = test.options;
    options.folding = Folding::kOff;
    expect_same(options, separate);
    EngineChoices choices = separate;
    choices.compile.macros = false;
    expect_same(test.options, choices);
    choices = separate;
    choices.closed_forms = false;
    expect_same(test.options, choices);
    choices = separate;
    choices.compile.lanes = Lanes::kJoined;
    try {
      expect_same(test.options, choices);
    } catch (const PostedTooLate&) {
    }
  }
}

TEST(RandomKernelPace, TimesByCauseAddUp) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const RandomCase test = slowing_case(seed);
    const Fabric fabric(test.topology, static_cast<std::int64_t>(test.job.ranks.size()));
    const Simulation result = simulate(test.job, fabric, round_costs(test.stack), test.options);
    for (const RankReport& rank : result.ranks)
      EXPECT_NEAR(sum_of(rank.time), result.step_time.value(), 1e-12 * result.step_time.value());
  }
}

}  // namespace
}  // namespace stepcast
