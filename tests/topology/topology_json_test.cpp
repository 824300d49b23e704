// Reading clusters and devices: what is right arrives, what is wrong is said once, at its place.
#include <gtest/gtest.h>

#include <filesystem>

#include "sim/topology/topology.h"

namespace stepcast {
namespace {

const std::string kDevice = R"({
  "name": "Test GPU", "generation": "ampere", "peak_fp32": "20 TFLOP/s", "peak_bf16": "300 TFLOP/s",
  "memory_capacity": "80 GiB", "memory_bandwidth": "2 TB/s", "num_sms": 100,
  "power_limit": "400 W", "idle_power": "50 W"})";

const std::string kCluster = R"({
  "name": "two nodes", "device": "Test GPU", "num_nodes": 2,
  "node": {"gpus": 4, "intra": "mesh", "intra_bandwidth": "25 GB/s", "nics": 2,
           "nic_bandwidth": "100 Gb/s", "host_power": "500 W",
           "mesh": [{"a": 0, "b": 1, "count": 2}, {"a": 1, "b": 2}, {"a": 3, "b": 2}]},
  "fabric": {"kind": "rail_optimized", "nodes_per_leaf": 16, "oversubscription": 2},
  "device_profile": "a100-80g", "network_profile": "nccl-ib", "price_per_gpu_hour": "2 USD/h",
  "electricity_price": "0.10 USD/kWh", "power_usage_effectiveness": 1.2, "source": "a test"})";

JsonDocument find_device(const std::string& name) {
  if (name == "Test GPU") return parse_json(kDevice, "device.json");
  if (name == "A100-SXM-80GB")
    return read_json_file(STEPCAST_SOURCE_DIR "/topologies/devices/A100-SXM-80GB.json");
  throw Error(ErrorKind::kInput, "no such device");
}

Topology topology_of(const std::string& text, Problems& problems) {
  return read_topology(parse_json(text, "cluster.json").root(), problems, find_device);
}

Device device_of(const std::string& text, Problems& problems) {
  return read_device(parse_json(text, "device.json").root(), problems);
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ReadTopology, KeepsEveryField) {
  Problems problems;
  const Topology topology = topology_of(kCluster, problems);
  problems.raise_if_any();
  EXPECT_EQ(topology.name, "two nodes");
  EXPECT_EQ(topology.device.name, "Test GPU");
  EXPECT_EQ(topology.num_nodes, 2);
  EXPECT_EQ(topology.num_gpus(), 8);
  EXPECT_EQ(topology.node.gpus, 4);
  EXPECT_EQ(topology.node.intra, IntraNode::kMesh);
  EXPECT_DOUBLE_EQ(topology.node.intra_bandwidth.value(), 25e9);
  EXPECT_EQ(topology.node.nics, 2);
  EXPECT_DOUBLE_EQ(topology.node.nic_bandwidth.value(), 12.5e9);
  EXPECT_DOUBLE_EQ(topology.node.host_power.value(), 500);
  ASSERT_EQ(topology.node.mesh.size(), 3u);
  EXPECT_EQ(topology.node.mesh[0].count, 2);
  EXPECT_EQ(topology.node.mesh[2].a, 3);
  EXPECT_EQ(topology.node.mesh[2].count, 1);
  EXPECT_EQ(topology.fabric.kind, FabricKind::kRailOptimized);
  EXPECT_EQ(topology.fabric.nodes_per_leaf, 16);
  EXPECT_DOUBLE_EQ(topology.fabric.oversubscription, 2);
  EXPECT_EQ(topology.device_profile, "a100-80g");
  EXPECT_EQ(topology.network_profile, "nccl-ib");
  EXPECT_DOUBLE_EQ(topology.price_per_gpu_hour.value(), 2);
  EXPECT_DOUBLE_EQ(topology.electricity_price.value(), 0.10 / 3.6e6);
  EXPECT_DOUBLE_EQ(topology.power_usage_effectiveness, 1.2);
  EXPECT_EQ(topology.source, "a test");
}

TEST(ReadTopology, OneNodeNeedsNeitherNicsNorFabric) {
  Problems problems;
  const Topology topology = topology_of(
      R"({"name": "one", "device": "Test GPU", "num_nodes": 1,
          "node": {"gpus": 4, "intra": "nvswitch", "intra_bandwidth": "300 GB/s", "nics": 0,
                   "host_power": "0 W"},
          "device_profile": "a100-80g", "network_profile": "nccl-ib"})",
      problems);
  problems.raise_if_any();
  EXPECT_EQ(topology.num_gpus(), 4);
  EXPECT_EQ(nic_of(topology.node, 0), -1);
}

TEST(ReadTopology, RanksThatShareAGpuGoRoundTheGpusOfTheirNode) {
  Problems problems;
  const std::string text =
      with(kCluster, R"("num_nodes": 2,)", R"("num_nodes": 2, "ranks_per_gpu": 2,)");
  const Topology topology = topology_of(text, problems);
  problems.raise_if_any();
  EXPECT_EQ(topology.gpu_of_rank(8), (std::vector<std::uint32_t>{0, 1, 0, 1, 2, 3, 2, 3}));
  EXPECT_EQ(topology.gpu_of_rank(5), (std::vector<std::uint32_t>{0, 1, 0, 1, 2}));
  EXPECT_EQ(topology_of(kCluster, problems).gpu_of_rank(5),
            (std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
}

TEST(ReadTopology, EveryGpuIsSharedByAsManyRanks) {
  Problems problems;
  topology_of(with(kCluster, R"("num_nodes": 2,)", R"("num_nodes": 2, "ranks_per_gpu": 3,)"),
              problems);
  ASSERT_EQ(problems.all().size(), 1u);
  EXPECT_EQ(problems.all()[0].path, "ranks_per_gpu");
  EXPECT_NE(problems.all()[0].message.find("= 3 must divide the gpus of every node"),
            std::string::npos)
      << problems.all()[0].message;
}

TEST(ReadTopology, ReportsMistakesOfClusterAndDeviceTogether) {
  Problems problems;
  const auto broken_device = [](const std::string&) {
    return parse_json(with(kDevice, "\"num_sms\": 100", "\"num_sms\": 0"), "device.json");
  };
  const std::string text = with(kCluster, "\"num_nodes\": 2", "\"num_nodes\": 0");
  read_topology(parse_json(text, "cluster.json").root(), problems, broken_device);
  ASSERT_EQ(problems.all().size(), 2u);
  EXPECT_EQ(problems.all()[0].file, "device.json");
  EXPECT_EQ(problems.all()[0].path, "num_sms");
  EXPECT_EQ(problems.all()[1].file, "cluster.json");
  EXPECT_EQ(problems.all()[1].path, "num_nodes");
}

TEST(ReadTopology, PassesOnWhatIsWrongInsideTheDeviceFile) {
  Problems problems;
  const auto malformed = [](const std::string&) { return parse_json("{\n  oops", "device.json"); };
  read_topology(parse_json(kCluster, "cluster.json").root(), problems, malformed);
  ASSERT_EQ(problems.all().size(), 1u);
  EXPECT_EQ(problems.all()[0].file, "device.json");
  EXPECT_EQ(problems.all()[0].line, 2);
}

/// Every file of the corpus has one mistake; its comment says "path: words of the message".
TEST(ReadTopology, SaysOnceAndWhereWhatIsWrongInEachBadCluster) {
  const std::filesystem::path corpus = STEPCAST_SOURCE_DIR "/tests/corpus/topology";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(corpus)) {
    const std::string file = entry.path().string();
    const JsonDocument document = read_json_file(file);
    const std::string expected = *document.root().member("comment")->as_string();
    const std::size_t colon = expected.find(": ");
    Problems problems;
    read_topology(document.root(), problems, find_device);
    ++files;
    std::string all;
    for (const Problem& problem : problems.all()) all += problem.text() + "\n";
    ASSERT_EQ(problems.all().size(), 1u) << file << "\n" << all;
    EXPECT_EQ(problems.all()[0].path, expected.substr(0, colon)) << all;
    EXPECT_NE(problems.all()[0].message.find(expected.substr(colon + 2)), std::string::npos) << all;
    EXPECT_EQ(problems.all()[0].file, file);
    EXPECT_GT(problems.all()[0].line, 0) << all;
  }
  EXPECT_GE(files, 50);
}

TEST(ReadDevice, KeepsEveryFieldAndLeavesOutPeaksAtZero) {
  Problems problems;
  const Device device = device_of(kDevice, problems);
  problems.raise_if_any();
  EXPECT_EQ(device.name, "Test GPU");
  EXPECT_EQ(device.generation, "ampere");
  EXPECT_DOUBLE_EQ(device.peak(Dtype::kFp32).value(), 20e12);
  EXPECT_DOUBLE_EQ(device.peak(Dtype::kBf16).value(), 300e12);
  EXPECT_DOUBLE_EQ(device.peak(Dtype::kFp16).value(), 0);
  EXPECT_DOUBLE_EQ(device.peak(Dtype::kTf32).value(), 0);
  EXPECT_DOUBLE_EQ(device.peak(Dtype::kFp8).value(), 0);
  EXPECT_EQ(device.memory_capacity.value(), 85'899'345'920);
  EXPECT_DOUBLE_EQ(device.memory_bandwidth.value(), 2e12);
  EXPECT_EQ(device.num_sms, 100);
  EXPECT_DOUBLE_EQ(device.power_limit.value(), 400);
  EXPECT_DOUBLE_EQ(device.idle_power.value(), 50);
}

TEST(ReadDevice, RefusesToIdleAboveTheLimit) {
  Problems problems;
  device_of(with(kDevice, "\"50 W\"", "\"500 W\""), problems);
  ASSERT_EQ(problems.all().size(), 1u);
  EXPECT_EQ(problems.all()[0].path, "idle_power");
}

TEST(ReadDevice, NamesEveryMissingField) {
  Problems problems;
  device_of("{}", problems);
  std::string paths;
  for (const Problem& problem : problems.all()) paths += problem.path + " ";
  EXPECT_EQ(paths,
            "name generation peak_fp32 memory_capacity memory_bandwidth num_sms power_limit "
            "idle_power ");
}

TEST(NicOf, SpreadsGpusEvenlyAndKnowsTheOwner) {
  const Node node{.gpus = 72, .nics = 18};
  for (std::int64_t gpu = 0; gpu < 72; ++gpu) EXPECT_EQ(nic_of(node, gpu), gpu / 4);
  for (std::int64_t nic = 0; nic < 18; ++nic) EXPECT_EQ(owner_of_nic(node, nic), 4 * nic);
}

}  // namespace
}  // namespace stepcast
