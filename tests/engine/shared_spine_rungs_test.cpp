// Two groups that share a 4 : 1 spine, on two rungs: with much to move, and with so little that
// latency counts.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/engine/network_shapes.h"
#include "tests/engine/rungs.h"

namespace stepcast {
namespace {

constexpr double kWithin = 0.01;  // of the makespan

/// 8 nodes of 8 GPUs and 4 NICs.
Topology narrow(std::int64_t nodes_per_leaf, std::int64_t uplinks) {
  return with_fabric({.kind = FabricKind::kFatTree,
                      .nodes_per_leaf = nodes_per_leaf,
                      .oversubscription = 4,
                      .uplinks = uplinks});
}

struct Way {
  std::string name;
  CollectiveKind kind;
  Algorithm algorithm;
};

const std::vector<Way>& ways() {
  using enum CollectiveKind;
  static const std::vector<Way> all = {
      {"ring", kAllReduce, Algorithm::kRing},
      {"ring all_gather", kAllGather, Algorithm::kRing},
      {"ring reduce_scatter", kReduceScatter, Algorithm::kRing},
      {"tree", kAllReduce, Algorithm::kTree},
      {"exchange", kAllToAll, Algorithm::kPairwise},
      {"halving_doubling", kAllReduce, Algorithm::kHalvingDoubling},
  };
  return all;
}

NetworkProfile profile_of(const Way& way) {
  NetworkProfile profile = with_hops(1e-6, 5e-6, true);
  profile.choices.of(way.kind).algorithms = {way.algorithm};
  return profile;
}

/// A GPU of every node, and the GPU beside it, which has the same NIC.
std::vector<Launch> two_groups(const Way& way, Bytes first, Bytes second) {
  return {{gpus(8, 8), way.kind, first}, {gpus(8, 8, 1), way.kind, second}};
}

double makespan_ratio(const Fabric& fabric, const NetworkProfile& profile,
                      const std::vector<Launch>& launches) {
  return latest(fluid(fabric, profile, launches)) / latest(messages(fabric, profile, launches));
}

/// What has steps loads hashed uplinks unevenly in each of them, and is given their average.
double bound_of(const Way& way, bool hashed) {
  return hashed && way.algorithm == Algorithm::kHalvingDoubling ? 0.1 : kWithin;
}

TEST(SharedSpine, MakespansAreWhatTheChunksTake) {
  for (const std::int64_t nodes_per_leaf : {1, 2})
    for (const std::int64_t uplinks : {0, 2}) {
      const Fabric fabric(narrow(nodes_per_leaf, uplinks), 64);
      for (const Way& way : ways())
        EXPECT_NEAR(makespan_ratio(fabric, profile_of(way),
                                   two_groups(way, Bytes(512'000'000), Bytes(256'000'000))),
                    1, bound_of(way, uplinks > 0))
            << way.name << ", " << nodes_per_leaf << " nodes per leaf, " << uplinks << " uplinks";
    }
}

/// How far coupled transfers are from chunks when two groups of 8 do the same at once, both begin
/// at the same time, and a hop costs 5 us. The table of sim/engine/README.md.
struct Stated {
  std::int64_t kib;
  double ring, tree, exchange, halving_doubling;  ///< percent of the makespan
};
constexpr Stated kStated[] = {
    {1, -0.1, +0.2, +0.1, -0.1},         {4, -0.4, +0.9, +0.3, -0.4},
    {16, -1.6, +3.6, +1.2, -1.6},        {64, -5.8, +12.8, +4.6, -5.4},
    {256, -17.2, +19.5, +17.4, -14.7},   {1024, -32.3, +4.0, -6.4, -12.0},
    {4096, -10.7, -1.5, -1.7, -3.3},     {16384, -2.9, -2.9, -0.4, -0.8},
    {65536, -0.7, -1.6, -0.1, -0.2},     {262'144, -0.2, -0.4, -0.0, -0.1},
    {1'048'576, -0.1, -0.1, -0.0, -0.0},
};

TEST(SharedSpine, LatencyLeavesWhatTheReadmeStates) {
  const Fabric fabric(narrow(1, 0), 64);
  const auto expect = [&](const std::string& name, std::int64_t kib, double percent) {
    const Way& way = *std::ranges::find(ways(), name, &Way::name);
    const double ratio = makespan_ratio(fabric, profile_of(way),
                                        two_groups(way, Bytes(kib << 10), Bytes(kib << 10)));
    EXPECT_NEAR(100 * (ratio - 1), percent, 0.1) << name << ", " << kib << " KiB";
  };
  for (const Stated& row : kStated) {
    expect("ring", row.kib, row.ring);
    expect("tree", row.kib, row.tree);
    expect("exchange", row.kib, row.exchange);
    expect("halving_doubling", row.kib, row.halving_doubling);
  }
}

}  // namespace
}  // namespace stepcast
