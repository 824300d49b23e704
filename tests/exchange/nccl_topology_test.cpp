// NCCL's XML of nodes that everybody knows, and of nodes that can't be.
#include <gtest/gtest.h>

#include <vector>

#include "tests/exchange/samples.h"

namespace stepcast {
namespace {

NodeSketch read(const std::string& name) { return read_nccl_topology(sample(name), name); }

TEST(NcclTopology, OfADgxA100HasTwelveNvlinksIntoSwitchesAndEightComputeNics) {
  const NodeSketch sketch = read("dgx-a100.xml");
  EXPECT_EQ(sketch.gpus, 8);
  EXPECT_EQ(sketch.compute_capability, 80);
  EXPECT_EQ(sketch.joints, Joints::kNvswitch);
  EXPECT_EQ(sketch.switch_nvlinks, 12);  // 6 NVSwitches x 2
  ASSERT_EQ(sketch.nics.size(), 8u);
  for (const NicSketch& nic : sketch.nics) EXPECT_DOUBLE_EQ(nic.bandwidth.value(), 25e9);
  ASSERT_EQ(sketch.notes.size(), 2u);  // the storage NICs, 100 Gb/s
  EXPECT_EQ(sketch.notes[0], "NIC mlx5_4 is left out: slower than others");
}

TEST(NcclTopology, OfADgxA100MakesTheShippedNode) {
  const Topology topology = described(read("dgx-a100.xml"), complete_options("A100-SXM-80GB"));
  EXPECT_EQ(topology.num_nodes, 2);
  EXPECT_EQ(topology.node.intra, IntraNode::kNvswitch);
  EXPECT_DOUBLE_EQ(topology.node.intra_bandwidth.value(), 300e9);
  EXPECT_EQ(topology.node.nics, 8);
  EXPECT_DOUBLE_EQ(topology.node.nic_bandwidth.value(), 25e9);
  EXPECT_EQ(topology.source, "imported from dgx-a100.xml (NCCL topology of one node)");
}

TEST(NcclTopology, AddsUpNvlinksToSwitchesOfDifferentWidth) {
  const Topology topology = described(read("hgx-h100.xml"), complete_options("H100-SXM-80GB"));
  EXPECT_DOUBLE_EQ(topology.node.intra_bandwidth.value(), 450e9);  // (5 + 4 + 4 + 5) x 25
  EXPECT_DOUBLE_EQ(topology.node.nic_bandwidth.value(), 50e9);
}

TEST(NcclTopology, OfADgx1IsItsHybridCubeMesh) {
  const Topology topology = described(read("dgx1-v100.xml"), complete_options("V100-SXM2-16GB"));
  EXPECT_EQ(topology.node.intra, IntraNode::kMesh);
  EXPECT_DOUBLE_EQ(topology.node.intra_bandwidth.value(), 25e9);
  ASSERT_EQ(topology.node.mesh.size(), 16u);
  std::vector<std::int64_t> bricks(8, 0);
  for (const MeshLink& link : topology.node.mesh)
    for (const std::int64_t gpu : {link.a, link.b})
      bricks[static_cast<std::size_t>(gpu)] += link.count;
  EXPECT_EQ(bricks, std::vector<std::int64_t>(8, 6));
  EXPECT_EQ(topology.node.nics, 4);
}

TEST(NcclTopology, OfAPcieBoxGroupsGpusByTheirOutermostSwitch) {
  const Topology topology = described(read("pcie-l40s.xml"), complete_options("L40S"));
  EXPECT_EQ(topology.node.intra, IntraNode::kPcie);
  EXPECT_EQ(topology.node.gpus_per_pcie_switch, 2);
  // 16 GT/s x 16 lanes / 8 x 128/130.
  EXPECT_NEAR(topology.node.intra_bandwidth.value(), 31.508e9, 1e6);
  EXPECT_EQ(topology.node.nics, 2);
}

TEST(NcclTopology, TakesTheSlowestSlot) {
  const std::string narrow = with(sample("pcie-l40s.xml"), "link_width=\"16\">\n        <gpu",
                                  "link_width=\"8\">\n        <gpu");
  EXPECT_NEAR(read_nccl_topology(narrow, "x").pcie_bandwidth.value(), 15.754e9, 1e6);
}

TEST(NcclTopology, AsksForTheSpeedOfNicsThatNcclDidNotKnow) {
  std::string text = sample("hgx-h100.xml");
  while (text.find("400000") != std::string::npos) text = with(text, "400000", "-1");
  const NodeSketch sketch = read_nccl_topology(text, "x");
  ImportOptions options = complete_options("H100-SXM-80GB");
  EXPECT_NE(message_of(ErrorKind::kUsage, [&] { described(sketch, options); })
                .find("--nic-bandwidth: missing"),
            std::string::npos);
  options.nic_bandwidth = "400 Gb/s";
  EXPECT_DOUBLE_EQ(described(sketch, options).node.nic_bandwidth.value(), 50e9);
}

struct Breakage {
  std::string what, by;  ///< in the DGX-1's file
  std::string message;   ///< part of it
};

TEST(NcclTopology, SaysWhereAndWhatIsWrong) {
  const std::vector<Breakage> breakages = {
      {"version=\"1\"", "version=\"2\"", "x:1: system.version = \"2\" is unknown; known: 1"},
      {" version=\"1\"", "", "system.version: missing"},
      {"dev=\"0\" sm", "dev=\"-1\" sm", "gpu.dev = \"-1\" must be a whole number of 0 to 1023"},
      {"dev=\"0\" sm", "dev=\"1\" sm", "GPU 0 is missing or one is there twice"},
      {"dev=\"7\" sm", "dev=\"9\" sm", "GPU 7 is missing"},
      {"sm=\"70\"", "sm=\"80\"", "must be alike"},
      {"sm=\"70\"", "sm=\"1e9\"", "gpu.sm = \"1e9\" must be a whole number"},
      {" sm=\"70\"", "", "x:5: system.cpu.pci.pci.gpu.sm: missing"},
      {"count=\"1\"", "count=\"0\"", "nvlink.count = \"0\" must be a whole number of 1 to 1024"},
      {"count=\"1\"", "count=\"99999999999999999999\"", "must be a whole number of 1 to 1024"},
      {"count=\"1\"", "count=\"2\"", "both ends must say the same"},
      {"target=\"0000:07:00.0\"", "target=\"0000:06:00.0\"", "must be the busid of another GPU"},
      {"target=\"0000:07:00.0\"", "target=\"ffff:07:00.0\"", "must be the busid of another GPU"},
      {"tclass=\"0x030200\"", "tclass=\"0x068000\"", "different numbers of NVLinks to NVSwitches"},
      {"tclass=\"0x030200\"", "tclass=\"banana\"", "nvlink.tclass = \"banana\" is unknown"},
      {"busid=\"0000:07:00.0\"", "busid=\"0000:06:00.0\"", "is there twice"},
      {"speed=\"100000\"", "speed=\"nan\"", "net.speed = \"nan\" must be a whole number of -1 to"},
      {"speed=\"100000\"", "speed=\"1e300\"", "net.speed = \"1e300\" must be"},
      {" speed=\"100000\"", "", "net.speed: missing"},
      {"<system", "<platform", "is not well-formed XML"},
      {"</system>", "", "is not well-formed XML"},
  };
  const std::string dgx1 = sample("dgx1-v100.xml");
  for (const Breakage& breakage : breakages) {
    const std::string message = [&] {
      try {
        read_nccl_topology(with(dgx1, breakage.what, breakage.by), "x");
      } catch (const Error& error) {
        return std::string(error.what());
      }
      return std::string("nothing was thrown");
    }();
    EXPECT_NE(message.find(breakage.message), std::string::npos)
        << breakage.what << " -> " << breakage.by << ": " << message;
  }
}

TEST(NcclTopology, RefusesWhatIsNoTopology) {
  const auto refusal = [](const std::string& text) {
    return message_of(ErrorKind::kInput, [&] { read_nccl_topology(text, "x"); });
  };
  EXPECT_NE(refusal("").find("not well-formed"), std::string::npos);
  EXPECT_NE(refusal("GPU0 GPU1").find("not well-formed"), std::string::npos);
  EXPECT_NE(refusal("<html></html>").find("its root is <html>"), std::string::npos);
  EXPECT_NE(refusal("<system version=\"1\"/>").find("names no <gpu>"), std::string::npos);
  EXPECT_NE(refusal("<system version=\"1\"><gpu dev=\"0\" sm=\"80\"/></system>")
                .find("must stand in a <pci>"),
            std::string::npos);
  EXPECT_NE(refusal(std::string(kMaxImportBytes + 1, ' ')).find("at most"), std::string::npos);
}

TEST(NcclTopology, RefusesDepthAndBreadthBeforeReadingOn) {
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<pci>";
  for (int i = 0; i < 100'000; ++i) deep += "</pci>";
  EXPECT_NE(message_of(ErrorKind::kInput, [&] { read_nccl_topology(deep, "x"); }).find("deep"),
            std::string::npos);
  std::string broad = "<system version=\"1\">";
  for (int i = 0; i < 200'000; ++i) broad += "<pci/>";
  broad += "</system>";
  EXPECT_NE(message_of(ErrorKind::kInput, [&] { read_nccl_topology(broad, "x"); }).find("elements"),
            std::string::npos);
}

TEST(NcclTopology, ExpandsNoEntities) {
  const std::string laughs =
      "<!DOCTYPE system [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\">]>"
      "<system version=\"&b;\"/>";
  EXPECT_NE(message_of(ErrorKind::kInput, [&] { read_nccl_topology(laughs, "x"); })
                .find("= \"&b;\" is unknown"),
            std::string::npos);
}

TEST(NcclTopology, CutOffAnywhereIsAnError) {
  const std::string whole = sample("pcie-l40s.xml");
  for (std::size_t size = 0; size + 2 < whole.size(); size += 7)
    EXPECT_THROW(read_nccl_topology(whole.substr(0, size), "x"), Error) << size;
}

TEST(NcclTopology, GpusOutOfOrderUnderPcieSwitchesCantBeExpressed) {
  std::string text = sample("pcie-l40s.xml");
  text = with(text, "dev=\"1\" sm", "dev=\"X\" sm");
  text = with(text, "dev=\"2\" sm", "dev=\"1\" sm");
  text = with(text, "dev=\"X\" sm", "dev=\"2\" sm");
  EXPECT_NE(message_of(ErrorKind::kUnsupported, [&] { read_nccl_topology(text, "x"); })
                .find("out of order"),
            std::string::npos);
}

}  // namespace
}  // namespace stepcast
