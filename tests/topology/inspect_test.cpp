// Connectivity, diameter and bisection: against cuts that can be seen, and against an independent
// max-flow (Edmonds and Karp, real numbers) on the whole graph without merging.
#include <gtest/gtest.h>

#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/edmonds_karp_max_flow.hpp>
#include <map>

#include "sim/topology/max_flow.h"
#include "sim/topology/upkeep.h"
#include "tests/topology/clusters.h"

namespace stepcast {
namespace {

constexpr double kNic = 25e9;
constexpr double kNvlink = 300e9;

double bisection(const Topology& topology) {
  return inspect(topology, topology.num_gpus()).bisection.value();
}

/// Max-flow between the halves of the nodes (of the GPUs, with one node), every vertex apart.
double bisection_by_edmonds_karp(const Topology& topology) {
  using Traits = boost::adjacency_list_traits<boost::vecS, boost::vecS, boost::directedS>;
  using Vertices =
      boost::property<boost::vertex_color_t, boost::default_color_type,
                      boost::property<boost::vertex_predecessor_t, Traits::edge_descriptor>>;
  using Edges = boost::property<
      boost::edge_capacity_t, double,
      boost::property<boost::edge_residual_capacity_t, double,
                      boost::property<boost::edge_reverse_t, Traits::edge_descriptor>>>;
  boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, Vertices, Edges> graph(2);
  const auto capacity = boost::get(boost::edge_capacity, graph);
  const auto reverse = boost::get(boost::edge_reverse, graph);
  const auto add = [&](std::size_t from, std::size_t to, double rate) {
    const auto forth = boost::add_edge(from, to, graph).first;
    const auto back = boost::add_edge(to, from, graph).first;
    capacity[forth] = rate;
    capacity[back] = 0;
    reverse[forth] = back;
    reverse[back] = forth;
  };
  std::map<Vertex, std::size_t> vertices;
  const auto index = [&](const Vertex& vertex) {
    return vertices.try_emplace(vertex, vertices.size() + 2).first->second;
  };
  const double unlimited = 1e15;
  const Fabric fabric(topology, topology.num_gpus());
  const auto is_nic = [](const Vertex& vertex) { return vertex.kind == VertexKind::kNic; };
  for (const Wire& wire : fabric.wires()) {
    // Within one node nothing takes the way out and back in.
    if (topology.num_nodes == 1 && (is_nic(wire.from) || is_nic(wire.to))) continue;
    add(index(wire.from), index(wire.to),
        wire.link == Wire::kNoLink ? unlimited : fabric.links()[wire.link].capacity.value());
  }
  for (const auto& [vertex, i] : vertices) {
    if (vertex.kind != VertexKind::kGpu) continue;
    const bool first = topology.num_nodes > 1 ? vertex.group < topology.num_nodes / 2
                                              : vertex.index < topology.node.gpus / 2;
    first ? add(0, i, unlimited) : add(i, 1, unlimited);
  }
  return boost::edmonds_karp_max_flow(graph, 0, 1);
}

TEST(Bisection, OfOneNvswitchIsTheLinksOfHalfItsGpus) {
  EXPECT_DOUBLE_EQ(bisection(nvswitch_cluster(1, 8)), 4 * kNvlink);
  EXPECT_DOUBLE_EQ(bisection(nvswitch_cluster(1, 5)), 2 * kNvlink);
  EXPECT_DOUBLE_EQ(bisection(nvswitch_cluster(1, 1)), 0);
}

TEST(Bisection, OfOneSwitchIsTheNicsOfTheSmallerHalf) {
  EXPECT_DOUBLE_EQ(bisection(nvswitch_cluster(6)), 3 * 8 * kNic);
  EXPECT_DOUBLE_EQ(bisection(nvswitch_cluster(7)), 3 * 8 * kNic);
  EXPECT_DOUBLE_EQ(bisection(nvswitch_cluster(4, 8, 4)), 2 * 4 * kNic);  // shared NICs
}

TEST(Bisection, OfAFullFatTreeIsTheNicsOfHalfTheNodes) {
  EXPECT_DOUBLE_EQ(bisection(rail_cluster(8, 2)), 4 * 4 * kNic);
  EXPECT_DOUBLE_EQ(bisection(rail_cluster(6, 2)), 3 * 4 * kNic);  // the cut splits a pod
  EXPECT_DOUBLE_EQ(bisection(rail_cluster(2048, 32, 1, 8, 8)), 1024 * 8 * kNic);
}

TEST(Bisection, ShrinksWithOversubscriptionWhereTheCutLiesBetweenPods) {
  EXPECT_DOUBLE_EQ(bisection(rail_cluster(8, 2, 4.0)), 4 * 4 * kNic / 4);
  // One pod of 4 nodes: traffic stays below the leaves.
  EXPECT_DOUBLE_EQ(bisection(rail_cluster(4, 4, 4.0)), 2 * 4 * kNic);
}

TEST(Bisection, OfASplitPodAddsWhatStaysBelowItsLeaves) {
  // 6 nodes, pods of 2, 4 : 1: a leaf has 50 GB/s below and 12.5 above. First half: pod 0 and node
  // 2; second half: node 3 and pod 2. Node 2 sends 25 GB/s a rail to node 3 through their own leaf,
  // and pod 0's 12.5 GB/s climb and come down to pod 2. Four rails.
  EXPECT_DOUBLE_EQ(bisection(rail_cluster(6, 2, 4.0)), 4 * (25e9 + 12.5e9));
}

TEST(Bisection, OfAChainIsItsOneLink) { EXPECT_DOUBLE_EQ(bisection(chain_cluster(1, 6)), 25e9); }

TEST(Bisection, OfPcieNodesIsLimitedByTheWayToTheNics) {
  EXPECT_DOUBLE_EQ(bisection(pcie_cluster(1)), 31e9);      // one x16 between the two switches
  EXPECT_DOUBLE_EQ(bisection(pcie_cluster(2)), 2 * kNic);  // NICs are the narrower part
  Topology fast_nics = pcie_cluster(2);
  fast_nics.node.nic_bandwidth = BytesPerSec(100e9);
  EXPECT_DOUBLE_EQ(bisection(fast_nics), 4 * 31e9);  // four slots up
}

TEST(Bisection, AgreesWithEdmondsKarpOnTheWholeGraph) {
  std::vector<Topology> clusters = {nvswitch_cluster(1),
                                    nvswitch_cluster(5, 4, 2),
                                    chain_cluster(1, 6),
                                    chain_cluster(3, 4),
                                    pcie_cluster(1),
                                    pcie_cluster(3, 1),
                                    pcie_cluster(4),
                                    rail_cluster(7, 3),
                                    rail_cluster(7, 3, 2.5),
                                    rail_cluster(9, 2, 5.0, 4, 2),
                                    rail_cluster(10, 4, 8.0, 2, 2),
                                    rail_cluster(2, 8, 3.0)};
  for (std::int64_t nodes = 2; nodes <= 13; ++nodes)
    for (std::int64_t nodes_per_leaf = 1; nodes_per_leaf <= 4; ++nodes_per_leaf)
      clusters.push_back(rail_cluster(nodes, nodes_per_leaf, 1.6, 2, 2));
  for (const Topology& topology : clusters)
    EXPECT_NEAR(bisection(topology), bisection_by_edmonds_karp(topology), 100)
        << topology.num_nodes << " nodes of " << topology.node.gpus << " GPUs, "
        << topology.fabric.nodes_per_leaf << " per leaf";
}

TEST(Diameter, CountsWiresBetweenTheFarthestGpus) {
  const auto hops = [](const Topology& topology) {
    return inspect(topology, topology.num_gpus()).diameter_hops;
  };
  EXPECT_EQ(hops(nvswitch_cluster(1, 1)), 0);
  EXPECT_EQ(hops(nvswitch_cluster(1)), 2);  // GPU, NVSwitch, GPU
  EXPECT_EQ(hops(nvswitch_cluster(2)), 4);  // GPU, NIC, switch, NIC, GPU
  EXPECT_EQ(hops(rail_cluster(4, 2)), 6);   // GPU, NIC, leaf, spine, leaf, NIC, GPU
  EXPECT_EQ(hops(chain_cluster(1, 6)), 5);
  EXPECT_EQ(hops(pcie_cluster(1)), 4);  // GPU, switch, CPU, switch, GPU
}

TEST(Diameter, IsNotThatOfTheFirstGpuAlone) {
  // 1 - 0 - 2 - 3: three wires from 1 to 3, two from 0.
  Topology topology = chain_cluster(1, 4);
  topology.node.mesh = {{.a = 0, .b = 1}, {.a = 0, .b = 2}, {.a = 2, .b = 3}};
  EXPECT_EQ(inspect(topology, 4).diameter_hops, 3);
}

TEST(Diameter, OfManyGpusIsThatOfEveryBatchOfSources) {
  // 600 nodes of one GPU in pods of two: more sources than one batch holds.
  EXPECT_EQ(inspect(rail_cluster(600, 2, 1, 1, 1), 600).diameter_hops, 6);
}

TEST(Inspect, CountsWhatTheFabricIsMadeOf) {
  // 6 nodes of 4 GPUs in pods of 2, 4 rails: 3 pods x 4 leaves, one spine.
  const FabricReport report = inspect(rail_cluster(6, 2, 4.0), 24);
  EXPECT_EQ(report.nodes, 6);
  EXPECT_EQ(report.gpus, 24);
  EXPECT_EQ(report.nics, 24);
  EXPECT_EQ(report.node_switches, 6);
  ASSERT_EQ(report.links.size(), 6u);
  const LinkCount& up = report.links[2];
  EXPECT_EQ(name_of(up.kind), "nic_up");
  EXPECT_EQ(up.count, 24);
  EXPECT_DOUBLE_EQ(up.slowest.value(), kNic);
  EXPECT_DOUBLE_EQ(up.fastest.value(), kNic);
}

TEST(Inspect, GivesEveryLevelItsOversubscription) {
  const FabricReport report = inspect(rail_cluster(6, 2, 4.0), 24);
  ASSERT_EQ(report.levels.size(), 2u);
  const SwitchLevel& leaves = report.levels[0];
  EXPECT_EQ(leaves.switches, 12);
  EXPECT_DOUBLE_EQ(leaves.from_below.value(), 24 * kNic);
  EXPECT_DOUBLE_EQ(leaves.to_above.value(), 6 * kNic);
  EXPECT_DOUBLE_EQ(leaves.to_peers.value(), 0);
  EXPECT_DOUBLE_EQ(leaves.oversubscription, 4);
  const SwitchLevel& spine = report.levels[1];
  EXPECT_EQ(spine.switches, 1);
  EXPECT_DOUBLE_EQ(spine.from_below.value(), 6 * kNic);
  EXPECT_DOUBLE_EQ(spine.oversubscription, 0);
}

TEST(Inspect, AHalfFilledLeafIsNotWhereTheLevelIsTightest) {
  // 5 nodes in pods of 2, 4 : 1: the last leaves have one NIC below, 25 GB/s, and 12.5 above.
  EXPECT_DOUBLE_EQ(inspect(rail_cluster(5, 2, 4.0), 20).levels[0].oversubscription, 4);
  EXPECT_DOUBLE_EQ(inspect(rail_cluster(1, 2, 4.0), 4).levels[0].oversubscription, 0);
}

TEST(Inspect, CountsTheGpusOfTheSmallerHalf) {
  EXPECT_EQ(inspect(nvswitch_cluster(7), 56).smaller_half_gpus, 24);
  EXPECT_EQ(inspect(nvswitch_cluster(1, 5), 5).smaller_half_gpus, 2);
  EXPECT_EQ(inspect(nvswitch_cluster(1, 1), 1).smaller_half_gpus, 0);
}

TEST(Upkeep, CountsGpusHostsAndTheBuilding) {
  Topology topology = nvswitch_cluster(3);
  topology.device.idle_power = Watts(50);
  topology.device.power_limit = Watts(400);
  topology.node.host_power = Watts(1000);
  topology.power_usage_effectiveness = 1.5;
  topology.price_per_gpu_hour = DollarsPerHour(2);
  topology.electricity_price = DollarsPerJoule(0.1 / 3.6e6);  // 0.10 USD/kWh
  const Upkeep two_nodes = upkeep(topology, 2);
  EXPECT_DOUBLE_EQ(two_nodes.rent.value(), 32);
  EXPECT_DOUBLE_EQ(two_nodes.idle.value(), (16 * 50 + 2 * 1000) * 1.5);
  EXPECT_DOUBLE_EQ(two_nodes.peak.value(), (16 * 400 + 2 * 1000) * 1.5);  // 12.6 kW
  EXPECT_DOUBLE_EQ(two_nodes.peak_electricity.value(), 1.26);
  topology.ranks_per_gpu = 4;  // so eight places are two GPUs
  const Upkeep shared = upkeep(topology, 2);
  EXPECT_DOUBLE_EQ(shared.rent.value(), 8);
  EXPECT_DOUBLE_EQ(shared.idle.value(), (4 * 50 + 2 * 1000) * 1.5);
  EXPECT_DOUBLE_EQ(shared.peak.value(), (4 * 400 + 2 * 1000) * 1.5);
}

TEST(Inspect, MergesWhatIsAlike) {
  // Two halves; NIC (4 rails alike) and NVSwitch of either side, leaf of either side, spine.
  EXPECT_EQ(inspect(rail_cluster(512, 32), 2048).merged_vertices, 2 + 4 + 2 + 1);
}

TEST(Inspect, WholeClustersAreConnected) {
  EXPECT_TRUE(inspect(rail_cluster(2048, 32, 1, 8, 8), 16'384).connected);
  EXPECT_TRUE(inspect(pcie_cluster(3), 12).connected);
}

TEST(Inspect, SeesGpusThatNoLinkReaches) {
  Topology topology = chain_cluster(1, 4);
  topology.node.mesh.erase(topology.node.mesh.begin() + 1);  // 0 - 1   2 - 3
  topology.node.nics = 0;
  const FabricReport report = inspect(topology, 4);
  EXPECT_FALSE(report.connected);
  EXPECT_DOUBLE_EQ(report.bisection.value(), 0);
}

TEST(MaxFlow, IsTheNarrowestCut) {
  // Two ways of 30 and 20, the second narrowed to 15 behind; 0 -> 3.
  const std::vector<Arc> arcs = {{0, 1, 30}, {1, 3, 30}, {0, 2, 20}, {2, 3, 15}};
  EXPECT_EQ(max_flow(4, arcs, 0, 3), 45);
  EXPECT_EQ(max_flow(4, arcs, 3, 0), 0);
}

}  // namespace
}  // namespace stepcast
