// Every cluster and device that is shipped loads, is connected, and says what its source says.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "tests/topology/clusters.h"

namespace stepcast {
namespace {

const std::string kTopologies = STEPCAST_SOURCE_DIR "/topologies/";

JsonDocument device_file(const std::string& name) {
  return read_json_file(kTopologies + "devices/" + name + ".json");
}

Topology shipped(const std::string& name) {
  Problems problems;
  const JsonDocument document = read_json_file(kTopologies + name + ".json");
  Topology topology = read_topology(document.root(), problems, device_file);
  problems.raise_if_any();
  return topology;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(ShippedDevices, LoadAndAreNamedLikeTheirFile) {
  const std::vector<std::string> names = names_in(kTopologies + "devices");
  EXPECT_EQ(names.size(), 19u);
  for (const std::string& name : names) {
    Problems problems;
    const Device device = read_device(device_file(name).root(), problems);
    EXPECT_NO_THROW(problems.raise_if_any()) << name;
    EXPECT_EQ(device.name, name);
    EXPECT_FALSE(device.source.empty()) << name;
  }
}

TEST(ShippedDevices, HoldWhatTheirLabelSaysGiveOrTakeTheDriversShare) {
  // Labels count GB or GiB; drivers keep some for themselves (ECC, page tables).
  const std::map<std::string, double> label = {
      {"V100-SXM2-16GB", 16},  {"V100-SXM2-32GB", 32},  {"A100-SXM-40GB", 40},
      {"A100-SXM-80GB", 80},   {"H100-SXM-80GB", 80},   {"H200-SXM-141GB", 141},
      {"B200-SXM-180GB", 180}, {"B300-SXM-288GB", 288}, {"L40S", 48}};
  for (const auto& [name, gigabytes] : label) {
    Problems problems;
    const Device device = read_device(device_file(name).root(), problems);
    const double capacity = static_cast<double>(device.memory_capacity.value());
    EXPECT_GT(capacity, 0.98 * gigabytes * 1e9) << name;
    EXPECT_LE(capacity, gigabytes * 1024 * 1024 * 1024) << name;
  }
}

TEST(ShippedClusters, LoadAndAreConnected) {
  const std::vector<std::string> names = names_in(kTopologies);
  EXPECT_EQ(names.size(), 32u);
  for (const std::string& name : names) {
    const Topology topology = shipped(name);
    EXPECT_EQ(topology.name, name);
    EXPECT_FALSE(topology.source.empty()) << name;
    const FabricReport report = inspect(topology, topology.num_gpus());
    EXPECT_TRUE(report.connected) << name;
    // One GPU alone has nobody on the other side of a cut.
    EXPECT_EQ(report.bisection.value() > 0, topology.num_gpus() > 1) << name;
    // l40s-4: GPU 2 reaches its NIC over the CPU. A torus of 16 x 16 x 16: half way round thrice.
    EXPECT_LE(report.diameter_hops, topology.node.intra == IntraNode::kTorus ? 24 : 10) << name;
  }
}

TEST(ShippedClusters, LetAllNodesTalkAtTheRateOfTheirNics) {
  // No cluster of the common kinds is oversubscribed: half the nodes send what their NICs can.
  for (const std::string& name : names_in(kTopologies)) {
    const Topology topology = shipped(name);
    const FabricKind kind = topology.fabric.kind;
    const bool common = kind == FabricKind::kSingleSwitch || kind == FabricKind::kRailOptimized;
    if (!common || !topology.data_centers.empty() || topology.node.intra == IntraNode::kTorus ||
        topology.num_nodes == 1)
      continue;
    const std::int64_t sending_nics = topology.num_nodes / 2 * topology.node.nics;
    const double half = static_cast<double>(sending_nics);
    EXPECT_NEAR(inspect(topology, topology.num_gpus()).bisection / topology.node.nic_bandwidth,
                half, 1e-6 * half)
        << name;
  }
}

TEST(ShippedClusters, HaveTheBisectionThatTheirWiringMakes) {
  const auto bisection = [](const std::string& name) {
    const Topology topology = shipped(name);
    return inspect(topology, topology.num_gpus()).bisection.value();
  };
  // 4 of 8 pods of 3,072 NICs of 50 GB/s, 7 : 1.
  EXPECT_NEAR(bisection("llama3-h100-3-level"), 4 * 3072 * 50e9 / 7, 1e6);
  // 64 of 128 nodes on each of 8 rails.
  EXPECT_NEAR(bisection("rail-only-dgx-h100"), 64 * 8 * 50e9, 1e6);
  EXPECT_NEAR(bisection("two-data-centers-h100"), 400e9, 1e6);
  // 6 x 6 pairs of groups, 24 links of 25 GB/s.
  EXPECT_NEAR(bisection("perlmutter-like-a100"), 36 * 600e9, 1e6);
  // A torus is cut twice: 2 x 16 x 16 links of 50 GB/s.
  EXPECT_NEAR(bisection("tpu-v4-wiring-a100"), 512 * 50e9, 1e6);
}

TEST(ShippedClusters, AreLargeEnoughForPublishedRuns) {
  EXPECT_GE(shipped("dgx-a100-80g").num_gpus(), 12'288);  // MegaScale (Jiang et al. 2024)
  EXPECT_GE(shipped("dgx-h100").num_gpus(), 11'616);      // MLPerf Training v4.0, NVIDIA
  EXPECT_GE(shipped("jean-zay-a100").num_gpus(), 384);    // BLOOM (Le Scao et al. 2022)
  EXPECT_GE(shipped("gb200-nvl72").num_gpus(), 2048);
}

/// NVLink bricks of every GPU of a mesh.
std::vector<std::int64_t> bricks(const Node& node) {
  std::vector<std::int64_t> bricks(static_cast<std::size_t>(node.gpus), 0);
  for (const MeshLink& link : node.mesh)
    for (const std::int64_t gpu : {link.a, link.b})
      bricks[static_cast<std::size_t>(gpu)] += link.count;
  return bricks;
}

TEST(ShippedClusters, GiveEveryV100OfAMeshItsSixNvlinks) {
  for (const std::string& name : names_in(kTopologies)) {
    const Topology topology = shipped(name);
    const Node& node = topology.node;
    if (node.intra != IntraNode::kMesh || topology.device.generation != "volta") continue;
    EXPECT_EQ(bricks(node), std::vector<std::int64_t>(static_cast<std::size_t>(node.gpus), 6))
        << name;
    EXPECT_DOUBLE_EQ(node.intra_bandwidth.value(), 25e9) << name;
  }
}

TEST(Dgx1, IsAHybridCubeMeshWhereNobodyIsMoreThanTwoHopsAway) {
  const Fabric fabric(shipped("dgx1-v100-32g"), 8);
  int neighbours = 0;
  for (std::int64_t from = 0; from < 8; ++from)
    for (std::int64_t to = 0; to < 8; ++to) {
      const std::size_t hops = route(fabric, from, to).size();
      EXPECT_LE(hops, 2u);
      neighbours += hops == 1;
    }
  EXPECT_EQ(neighbours, 32);  // each GPU is linked to four others
  // Between the two halves of four: 0-4 and 1-5 with two bricks, 2-6 and 3-7 with one.
  EXPECT_DOUBLE_EQ(inspect(shipped("dgx1-v100-32g"), 8).bisection.value(), 6 * 25e9);
}

TEST(Dgx1, RelaysOverTheWiderLink) {
  // 0 - 6: over 2 (1 brick) or 4 (2 bricks).
  const Fabric fabric(shipped("dgx1-v100-32g"), 8);
  EXPECT_EQ(names(fabric, route(fabric, 0, 6)),
            "node 0 gpu 0 -> node 0 gpu 4; node 0 gpu 4 -> node 0 gpu 6");
}

TEST(Nvl72, ReachesSeventyTwoGpusOverNvlinkAndMoreOverNics) {
  const Fabric fabric(shipped("gb200-nvl72"), 144);
  EXPECT_EQ(kinds(fabric, route(fabric, 3, 71)),
            (std::vector<LinkKind>{LinkKind::kGpuUp, LinkKind::kGpuDown}));
  EXPECT_EQ(kinds(fabric, route(fabric, 3, 75)),
            (std::vector<LinkKind>{LinkKind::kNicUp, LinkKind::kNicDown}));
}

}  // namespace
}  // namespace stepcast
