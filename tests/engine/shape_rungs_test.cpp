// Every shape of network on two rungs: coupled transfers take what the chunks take, alone;
// README.md of the engine states what is left between the two.
#include <gtest/gtest.h>

#include <cctype>
#include <string>

#include "tests/engine/network_shapes.h"
#include "tests/engine/rungs.h"
#include "tests/support/parameter_names.h"

namespace stepcast {
namespace {

constexpr double kWithin = 0.005;

std::vector<std::uint32_t> all_of(const Fabric& fabric) {
  return gpus(static_cast<std::uint32_t>(fabric.num_gpus()));
}

/// Of every node `per_node` GPUs, evenly spread; 4 where there is but one node.
std::vector<std::uint32_t> some_of(const Fabric& fabric, std::int64_t per_node) {
  if (fabric.num_nodes() == 1) per_node = 4;
  std::vector<std::uint32_t> members;
  for (std::int64_t node = 0; node < fabric.num_nodes(); ++node)
    for (std::int64_t i = 0; i < per_node; ++i)
      members.push_back(static_cast<std::uint32_t>(fabric.first_gpu_of(node) +
                                                   i * fabric.node(node).gpus / per_node));
  return members;
}

/// Coupled transfers over chunks.
double ratio(const Fabric& fabric, const NetworkProfile& profile, const Launch& launch) {
  return fluid(fabric, profile, {launch})[0] / messages(fabric, profile, {launch})[0];
}

NetworkProfile by(Algorithm algorithm, CollectiveKind kind) {
  NetworkProfile profile = with_hops(0.2e-6, 1e-6, true);
  profile.choices.of(kind).algorithms = {algorithm};
  return profile;
}

class EveryShape : public testing::TestWithParam<NetworkShape> {
 protected:
  const Fabric fabric_{GetParam().topology, GetParam().topology.num_gpus()};
};
INSTANTIATE_TEST_SUITE_P(Networks, EveryShape, testing::ValuesIn(network_shapes()), PrintedName());

TEST_P(EveryShape, RingsTakeWhatTheirChunksTake) {
  using enum CollectiveKind;
  for (CollectiveKind kind : {kAllReduce, kAllGather, kReduceScatter}) {
    if (kind != kAllGather && fabric_.num_gpus() > 64) continue;  // seconds each
    EXPECT_NEAR(
        ratio(fabric_, by(Algorithm::kRing, kind), {all_of(fabric_), kind, Bytes(8'000'000'000)}),
        1, kWithin)
        << name_of(kind);
  }
}

TEST_P(EveryShape, WholeBuffersPassedOnTakeWhatTheirPiecesTake) {
  for (CollectiveKind kind : {CollectiveKind::kBroadcast, CollectiveKind::kReduce}) {
    const double quotient = ratio(fabric_, by(Algorithm::kRing, kind),
                                  {some_of(fabric_, 1), kind, Bytes(8'000'000'000)});
    EXPECT_NEAR(quotient, 1, kWithin) << name_of(kind);
  }
}

TEST_P(EveryShape, DoubleTreesTakeWhatTheirPiecesTake) {
  const CollectiveKind kind = CollectiveKind::kAllReduce;
  EXPECT_NEAR(
      ratio(fabric_, by(Algorithm::kTree, kind), {some_of(fabric_, 2), kind, Bytes(8'000'000'000)}),
      1, kWithin);
}

TEST_P(EveryShape, ExchangesTakeWhatTheirMessagesTake) {
  const CollectiveKind kind = CollectiveKind::kAllToAll;
  // Where all peers are served at once, half of the GPUs make it quick enough. Nodes of unequal
  // size exchange with the loads of the fullest.
  const bool uneven = !GetParam().topology.node_groups.empty();
  const bool in_turn = fabric_.num_nodes() == 1 || fabric_.spreads_evenly();
  const auto members = in_turn || uneven ? all_of(fabric_) : some_of(fabric_, 4);
  EXPECT_NEAR(ratio(fabric_, by(Algorithm::kPairwise, kind), {members, kind, Bytes(8'000'000'000)}),
              1, uneven ? 0.025 : kWithin);
}

}  // namespace
}  // namespace stepcast
