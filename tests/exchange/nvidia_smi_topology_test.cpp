// nvidia-smi's matrix of nodes that everybody knows, and matrices that are broken.
#include <gtest/gtest.h>

#include <vector>

#include "tests/exchange/samples.h"

namespace stepcast {
namespace {

NodeSketch read(const std::string& name) { return read_nvidia_smi_topology(sample(name), name); }

TEST(NvidiaSmiTopology, ReadsAnUnderlinedHeaderAndTheNamesOfNics) {
  const NodeSketch sketch = read("dgx-h100.txt");
  EXPECT_EQ(sketch.gpus, 8);
  EXPECT_EQ(sketch.joints, Joints::kAllAlike);
  ASSERT_EQ(sketch.nics.size(), 8u);
  EXPECT_EQ(sketch.nics[3].name, "mlx5_4");
  ASSERT_EQ(sketch.notes.size(), 2u);
  EXPECT_EQ(sketch.notes[0], "NIC mlx5_3 is left out: farther from the GPUs than others");
}

TEST(NvidiaSmiTopology, EighteenNvlinksToEverybodyLeadToSwitches) {
  ImportOptions options = complete_options("H100-SXM-80GB");
  options.nic_bandwidth = "400 Gb/s";
  const Topology topology = described(read("dgx-h100.txt"), options);
  EXPECT_EQ(topology.node.intra, IntraNode::kNvswitch);
  EXPECT_DOUBLE_EQ(topology.node.intra_bandwidth.value(), 450e9);
  EXPECT_EQ(topology.node.nics, 8);
  EXPECT_DOUBLE_EQ(topology.node.nic_bandwidth.value(), 50e9);
}

TEST(NvidiaSmiTopology, FourNvlinksToEachOfThreeAreAMesh) {
  ImportOptions options = complete_options("A100-SXM-80GB");
  options.nic_bandwidth = "200 Gb/s";
  const Topology topology = described(read("a100-mesh.txt"), options);
  EXPECT_EQ(topology.node.intra, IntraNode::kMesh);
  ASSERT_EQ(topology.node.mesh.size(), 6u);
  EXPECT_EQ(topology.node.mesh[5].count, 4);
}

TEST(NvidiaSmiTopology, OfADgx1IsTheSameAsNcclsXml) {
  ImportOptions options = complete_options("V100-SXM2-16GB");
  options.nic_bandwidth = "100 Gb/s";
  const Node smi = described(read("dgx1-v100.txt"), options).node;
  const Node nccl = described(read_nccl_topology(sample("dgx1-v100.xml"), "x"), options).node;
  EXPECT_EQ(smi.nics, nccl.nics);
  ASSERT_EQ(smi.mesh.size(), nccl.mesh.size());
  for (std::size_t i = 0; i < smi.mesh.size(); ++i) {
    EXPECT_EQ(smi.mesh[i].a, nccl.mesh[i].a);
    EXPECT_EQ(smi.mesh[i].b, nccl.mesh[i].b);
    EXPECT_EQ(smi.mesh[i].count, nccl.mesh[i].count);
  }
}

TEST(NvidiaSmiTopology, OfAPcieBoxAsksForTheRateOfASlot) {
  ImportOptions options = complete_options("L40S");
  options.nic_bandwidth = "200 Gb/s";
  const NodeSketch sketch = read("pcie-l40s.txt");
  EXPECT_EQ(sketch.gpus_per_pcie_switch, 2);
  EXPECT_NE(message_of(ErrorKind::kUsage, [&] { described(sketch, options); })
                .find("--pcie-bandwidth: missing"),
            std::string::npos);
  options.pcie_bandwidth = "31.5 GB/s";
  EXPECT_DOUBLE_EQ(described(sketch, options).node.intra_bandwidth.value(), 31.5e9);
}

struct Breakage {
  std::string what, by;  ///< in the DGX H100's file
  std::string message;
};

TEST(NvidiaSmiTopology, SaysWhereAndWhatIsWrong) {
  const std::vector<Breakage> breakages = {
      {"GPU0", "CARD0", "has no header that begins with GPU0"},
      {"\x1b[4mGPU2", "\x1b[4mGPU1", "x:1: names column GPU1 where GPU2"},
      {"\x1b[4mNIC2", "\x1b[4mNIC1", "x:1: names column NIC1 twice"},
      {"NV18", "NV", "x:2: has \"NV\" in column GPU1"},
      {"NV18", "NV0", "has \"NV0\" in column GPU1"},
      {"NV18", "NV99999999999999999999", "in column GPU1; expected NV#, PIX"},
      {"NV18", "X", "in column GPU1"},
      {"\t X \t", "\tPIX\t", "x:2: has \"PIX\" in column GPU0; expected X"},
      {"NV18", "NV17", "says otherwise of GPU0 to GPU1 than of the way back"},
      {"\nGPU3", "\nGPU2", "is the second row of GPU2"},
      {"\nNIC9", "\n\nLegend: NIC9", "has a column but no row of NIC9; is the file cut off?"},
  };
  for (const Breakage& breakage : breakages) {
    const std::string text = with(sample("dgx-h100.txt"), breakage.what, breakage.by);
    const std::string message =
        message_of(ErrorKind::kInput, [&] { read_nvidia_smi_topology(text, "x"); });
    EXPECT_NE(message.find(breakage.message), std::string::npos)
        << breakage.what << " -> " << breakage.by << ": " << message;
  }
}

TEST(NvidiaSmiTopology, RowsThatAreCutOffAreCounted) {
  const std::string text = sample("dgx-h100.txt");
  const std::string cut = text.substr(0, text.find("\nNIC0") - 60);
  EXPECT_NE(message_of(ErrorKind::kInput, [&] { read_nvidia_smi_topology(cut, "x"); })
                .find("cells for 18 columns"),
            std::string::npos);
}

TEST(NvidiaSmiTopology, RefusesWhatIsNoMatrix) {
  for (const std::string& text : {std::string(), std::string("\x1b["), std::string("<system/>"),
                                  std::string(1000, '\0'), std::string(kMaxImportBytes + 1, 'G')})
    EXPECT_THROW(read_nvidia_smi_topology(text, "x"), Error);
  std::string broad = "GPU0";
  for (int i = 0; i < 2000; ++i) broad += " N" + std::to_string(i);
  EXPECT_NE(message_of(ErrorKind::kInput, [&] { read_nvidia_smi_topology(broad, "x"); })
                .find("more than 1024 columns"),
            std::string::npos);
}

}  // namespace
}  // namespace stepcast
