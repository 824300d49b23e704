// Double trees, by hand: halves of a channel's share that pass a link.
#include "sim/engine/tree_loads.h"

#include <gtest/gtest.h>

#include "sim/engine/group_geometry.h"
#include "tests/engine/network_shapes.h"

namespace stepcast {
namespace {

/// Halves on all links of a kind.
int halves_on(const Fabric& fabric, const GroupGeometry& group, LinkKind kind) {
  int halves = 0;
  for (const LinkWeight& use : group.tree_links()) {
    if (fabric.links()[use.link].kind != kind) continue;
    const int here = static_cast<int>(use.weight) * group.halves_per_tree_unit();
    EXPECT_TRUE(halves == 0 || halves == here) << use.link;
    halves = here;
  }
  return halves;
}

TEST(TreeLoads, NicsSendTwiceTheBufferFromFourNodesOn) {
  // Two nodes: one half up one tree, one down the other. Three: the root sends two down, and one up
  // in the other tree. Four: who is inside sends two down and one up, and one up as a leaf.
  for (const auto& [nodes, halves] : {std::pair{2, 2}, {3, 3}, {4, 4}, {8, 4}, {13, 4}}) {
    const Fabric fabric(nvswitch_cluster({.nodes = nodes}), nodes * 8);
    const GroupGeometry group(fabric, gpus(static_cast<std::uint32_t>(nodes), 8));
    EXPECT_EQ(halves_on(fabric, group, LinkKind::kNicUp), halves) << nodes;
    EXPECT_EQ(halves_on(fabric, group, LinkKind::kNicDown), halves) << nodes;
    EXPECT_DOUBLE_EQ(group.tree_inter_bandwidth(), 2 * 25e9 / halves) << nodes;
  }
}

TEST(TreeLoads, ChainsSendBothWays) {
  // Who is in the middle sends S up and S down; of two GPUs each sends S.
  const Fabric fabric(nvswitch_cluster({.nodes = 1}), 8);
  EXPECT_EQ(halves_on(fabric, GroupGeometry(fabric, gpus(8)), LinkKind::kGpuUp), 4);
  EXPECT_EQ(halves_on(fabric, GroupGeometry(fabric, gpus(2)), LinkKind::kGpuUp), 2);
}

TEST(TreeLoads, ChainsOfAllRailsSpareTheirHeads) {
  // 8 channels, each with another GPU at its head and another at its end: of 8 * 4 halves a GPU
  // sends 2 less in either.
  const Fabric fabric(nvswitch_cluster({.nodes = 4}), 32);
  EXPECT_EQ(halves_on(fabric, GroupGeometry(fabric, gpus(32)), LinkKind::kGpuUp), 28);
}

TEST(TreeLoads, LeavesCarryEveryEdgeThatLeavesThem) {
  // 8 nodes, two on a leaf. Trees 7-3, 3-{1, 5}, 1-{0, 2}, 5-{4, 6} and 6-2, 2-{0, 4}, 0-{7, 1},
  // 4-{3, 5}: of nodes 2 and 3 four edges lead out in each. Leaf 4 : 1 of 8 NICs: 50 GB/s.
  const Fabric fabric(
      with_fabric({.kind = FabricKind::kFatTree, .nodes_per_leaf = 2, .oversubscription = 4}), 64);
  const GroupGeometry group(fabric, gpus(8, 8));
  EXPECT_EQ(halves_on(fabric, group, LinkKind::kLeafUp), 8);
  EXPECT_DOUBLE_EQ(group.tree_inter_bandwidth(), 2 * 50e9 / 8);
}

TEST(TreeLoads, LargeGridsAreCountedAsSmallOnes) {
  // Walks go both ways: four halves for every ring's hop, where no chain has its ends.
  for (const std::vector<std::int64_t>& dims : {std::vector<std::int64_t>{4, 4, 4}, {8, 8, 16}}) {
    const Fabric fabric(grid(IntraNode::kTorus, dims), dims[0] * dims[1] * dims[2]);
    const GroupGeometry group(fabric, gpus(static_cast<std::uint32_t>(fabric.num_gpus())), false);
    EXPECT_DOUBLE_EQ(group.tree_intra_bandwidth(), group.intra_bandwidth() / 2);
  }
}

}  // namespace
}  // namespace stepcast
