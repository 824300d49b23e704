#include "sim/engine/contention.h"

#include <gtest/gtest.h>

#include "tests/engine/random_jobs.h"

namespace stepcast {
namespace {

bool apart(const ExclusivePorts& ports, Port a, Port b) {
  const bool ab = ports[static_cast<int>(a)] >> static_cast<int>(b) & 1;
  EXPECT_EQ(ab, ports[static_cast<int>(b)] >> static_cast<int>(a) & 1) << "symmetric";
  return ab;
}

Collective all_reduce(GroupRole role) {
  return {
      .kind = CollectiveKind::kAllReduce, .group = role, .size = Bytes(8), .dtype = Dtype::kFp16};
}

TEST(ExclusivePorts, OneStreamKeepsItsTransfersApart) {
  ProgramBuilder builder("rank", 1);
  builder.call(builder.begin_block("block"), 0);
  builder.collective(Stream::kCompute, all_reduce(GroupRole::kTensor), {});
  builder.collective(Stream::kCompute, all_reduce(GroupRole::kModel), {});
  EXPECT_TRUE(apart(exclusive_ports(std::move(builder).finish()), Port::kTensor, Port::kModel));
}

TEST(ExclusivePorts, TwoStreamsWithoutEventsRunBesideEachOther) {
  ProgramBuilder builder("rank", 1);
  builder.call(builder.begin_block("block"), 0);
  builder.collective(Stream::kTensor, all_reduce(GroupRole::kTensor), {});
  builder.collective(Stream::kData, all_reduce(GroupRole::kData), {});
  EXPECT_FALSE(apart(exclusive_ports(std::move(builder).finish()), Port::kTensor, Port::kData));
}

/// Tensor collective, a kernel that waits for it, then a data collective that waits for the kernel.
Program chained(bool kernel_waits, bool host_waits) {
  ProgramBuilder builder("rank", 1);
  const EventId reduced = builder.event("reduced"), computed = builder.event("computed");
  builder.call(builder.begin_block("block"), 0);
  builder.collective(Stream::kTensor, all_reduce(GroupRole::kTensor),
                     {.waits_for = {}, .signals = reduced});
  builder.compute(gemm_us(1), {}, {},
                  {.waits_for = kernel_waits ? std::vector{reduced} : std::vector<EventId>{},
                   .signals = computed});
  if (host_waits) builder.host_wait(Stream::kTensor);
  builder.collective(Stream::kData, all_reduce(GroupRole::kData), {.waits_for = {computed}});
  return std::move(builder).finish();
}

TEST(ExclusivePorts, EventsKeepTransfersApartThroughAThirdStream) {
  EXPECT_TRUE(apart(exclusive_ports(chained(true, false)), Port::kTensor, Port::kData));
  EXPECT_FALSE(apart(exclusive_ports(chained(false, false)), Port::kTensor, Port::kData));
}

TEST(ExclusivePorts, AHostWaitKeepsTransfersApart) {
  EXPECT_TRUE(apart(exclusive_ports(chained(false, true)), Port::kTensor, Port::kData));
}

TEST(ExclusivePorts, OnePortOnTwoStreamsMayMeetItself) {
  ProgramBuilder builder("rank", 1);
  builder.call(builder.begin_block("block"), 0);
  builder.collective(Stream::kTensor, all_reduce(GroupRole::kTensor), {});
  builder.collective(Stream::kData, all_reduce(GroupRole::kTensor), {});
  EXPECT_FALSE(apart(exclusive_ports(std::move(builder).finish()), Port::kTensor, Port::kTensor));
}

/// Channels 0 and 1 over link 0; rank 0 is in both, ranks 1 and 2 in one each.
std::vector<bool> two_channels(std::uint8_t of_port_0) {
  FoldGraph graph;
  graph.rank_colour.resize(3);
  graph.link_colour.resize(1);
  graph.channel_colour = {1, 2};
  graph.members = {{0, 0}, {1, 0}, {0, 1}, {2, 1}};
  graph.member_begin = {0, 2, 4};
  graph.uses = {{0, 1}, {0, 1}};
  graph.use_begin = {0, 1, 2};
  std::vector<std::array<std::uint32_t, kNumPorts>> of_rank(3);
  for (auto& ports : of_rank) ports.fill(kNone);
  of_rank[0][0] = of_rank[1][0] = 0;
  of_rank[0][1] = of_rank[2][1] = 1;
  Job job;
  job.ranks.assign(3, place(0));
  ExclusivePorts exclusive;
  exclusive.fill(0xff);
  exclusive[0] = of_port_0;
  if (!(of_port_0 & 2)) exclusive[1] = 0xfe;
  return find_uncontended(graph, fold(graph), job, of_rank, {exclusive});
}

TEST(FindUncontended, ACommonRankThatOrdersThemKeepsChannelsApart) {
  EXPECT_EQ(two_channels(0xff), (std::vector{true, true}));
}

TEST(FindUncontended, ChannelsOverOneLinkMeetOtherwise) {
  EXPECT_EQ(two_channels(0xfd), (std::vector{false, false}));
}

/// Without closed forms: the solver decides alone.
TEST(FindUncontended, ClosedFormsEqualFlows) {
  const auto solver = make_maxmin_solver();
  std::uint64_t spared = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const RandomCase test = random_case(seed);
    const Fabric fabric(test.topology, static_cast<std::int64_t>(test.job.ranks.size()));
    EngineChoices choices{.compile = {.lanes = Lanes::kSeparate}, .solver = solver.get()};
    const auto run = [&] {
      return run_job(test.job, fabric, round_costs(test.stack), test.options, choices);
    };
    const Simulation closed = run();
    choices.closed_forms = false;
    const Simulation flows = run();
    EXPECT_NEAR(closed.step_time.value(), flows.step_time.value(), 1e-9 * flows.step_time.value())
        << "case " << seed;
    spared += flows.flows - closed.flows;
  }
  EXPECT_GT(spared, 1000u);
}

}  // namespace
}  // namespace stepcast
