// The graph behind inspection: which vertices are alike, and how far they are apart.
#include "sim/topology/graph.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "tests/topology/clusters.h"

namespace stepcast {
namespace {

/// GPUs 0 .. n - 1 without any arc.
FabricGraph gpus(std::int64_t n) {
  FabricGraph graph;
  for (std::int64_t i = 0; i < n; ++i) graph.vertices.push_back({VertexKind::kGpu, 0, i});
  return graph;
}

void join(FabricGraph& graph, std::uint32_t a, std::uint32_t b, std::int64_t capacity = 1) {
  graph.arcs.push_back({a, b, capacity});
  graph.arcs.push_back({b, a, capacity});
}

std::vector<std::uint32_t> alike(const FabricGraph& graph) {
  return alike_vertices(graph, std::vector<std::uint32_t>(graph.size(), 0));
}

TEST(AlikeVertices, OfARingAreAll) {
  FabricGraph ring = gpus(6);
  for (std::uint32_t i = 0; i < 6; ++i) join(ring, i, (i + 1) % 6);
  EXPECT_EQ(alike(ring), std::vector<std::uint32_t>(6, 0));
}

TEST(AlikeVertices, OfAChainMirrorEachOther) {
  FabricGraph chain = gpus(5);
  for (std::uint32_t i = 0; i < 4; ++i) join(chain, i, i + 1);
  EXPECT_EQ(alike(chain), (std::vector<std::uint32_t>{0, 1, 2, 1, 0}));
}

TEST(AlikeVertices, DifferByCapacityAndDirection) {
  FabricGraph pairs = gpus(6);
  join(pairs, 0, 1, 10);
  join(pairs, 2, 3, 20);
  pairs.arcs.push_back({4, 5, 10});
  EXPECT_EQ(alike(pairs), (std::vector<std::uint32_t>{0, 0, 1, 1, 2, 3}));
}

TEST(AlikeVertices, CareForSumsAndNotForHowManyArcsMakeThem) {
  FabricGraph pairs = gpus(4);
  join(pairs, 0, 1, 20);
  join(pairs, 2, 3, 10);
  join(pairs, 2, 3, 10);
  EXPECT_EQ(alike(pairs), std::vector<std::uint32_t>(4, 0));
}

TEST(AlikeVertices, StayApartWhereTheyStartApart) {
  FabricGraph ring = gpus(4);
  for (std::uint32_t i = 0; i < 4; ++i) join(ring, i, (i + 1) % 4);
  EXPECT_EQ(alike_vertices(ring, {7, 0, 0, 0}), (std::vector<std::uint32_t>{0, 1, 2, 1}));
}

TEST(Farthest, AgreesWithFloydAndWarshallOnRandomGraphs) {
  std::mt19937 random(4);
  for (int trial = 0; trial < 30; ++trial) {
    constexpr std::uint32_t kSize = 24;
    FabricGraph graph = gpus(kSize);
    constexpr std::int64_t kFar = 1'000'000;
    std::vector<std::int64_t> distance(kSize * kSize, kFar);
    for (std::uint32_t i = 0; i < kSize; ++i) distance[i * kSize + i] = 0;
    for (int arc = 0; arc < 60; ++arc) {
      const std::uint32_t from = static_cast<std::uint32_t>(random()) % kSize;
      const std::uint32_t to = static_cast<std::uint32_t>(random()) % kSize;
      if (from == to) continue;
      graph.arcs.push_back({from, to, 1});
      distance[from * kSize + to] = 1;
    }
    for (std::uint32_t k = 0; k < kSize; ++k)
      for (std::uint32_t i = 0; i < kSize; ++i)
        for (std::uint32_t j = 0; j < kSize; ++j)
          distance[i * kSize + j] =
              std::min(distance[i * kSize + j], distance[i * kSize + k] + distance[k * kSize + j]);
    Distance expected;
    for (const std::int64_t hops : distance)
      hops == kFar ? void(expected.connected = false)
                   : void(expected.hops = std::max(expected.hops, hops));
    std::vector<std::uint32_t> all(kSize);
    std::iota(all.begin(), all.end(), 0u);
    const Distance found = farthest(graph, all, all);
    EXPECT_EQ(found.connected, expected.connected);
    EXPECT_EQ(found.hops, expected.hops);
  }
}

TEST(GraphOf, NumbersEveryEndOfEveryWire) {
  const Topology topology = rail_cluster(4, 2);
  const Fabric fabric(topology, 16);
  const FabricGraph graph = graph_of(fabric, false);
  const std::vector<Wire> wires = fabric.wires();
  ASSERT_EQ(graph.arcs.size(), wires.size());
  for (std::size_t i = 0; i < wires.size(); ++i) {
    EXPECT_EQ(graph.vertices[graph.arcs[i].from], wires[i].from);
    EXPECT_EQ(graph.vertices[graph.arcs[i].to], wires[i].to);
  }
  EXPECT_EQ(graph.size(), 16u + 16 + 4 + 8 + 1);  // GPUs, NICs, NVSwitches, leaves, spine
}

}  // namespace
}  // namespace stepcast
