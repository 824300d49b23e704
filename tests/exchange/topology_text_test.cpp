// What the user adds to a file, and what is refused.
#include <gtest/gtest.h>

#include "tests/exchange/samples.h"

namespace stepcast {
namespace {

NodeSketch h100() { return read_nccl_topology(sample("hgx-h100.xml"), "hgx-h100.xml"); }

std::string refusal(ErrorKind kind, const NodeSketch& sketch, const ImportOptions& options) {
  return message_of(kind, [&] { described(sketch, options); });
}

TEST(TopologyText, NamesEveryOptionThatIsMissing) {
  const NodeSketch sketch = read_nvidia_smi_topology(sample("dgx-h100.txt"), "x");
  const std::string message =
      message_of(ErrorKind::kUsage, [&] { topology_text(sketch, ImportOptions{}, std::nullopt); });
  for (const char* option : {"--name", "--device", "--device-profile", "--network-profile",
                             "--nodes", "--host-power", "--nic-bandwidth"})
    EXPECT_NE(message.find(std::string(option) + ": missing"), std::string::npos) << message;
}

TEST(TopologyText, SaysWhatWasNotGiven) {
  const std::string text = topology_text(h100(), complete_options("H100-SXM-80GB"),
                                         read_shipped_device("H100-SXM-80GB"));
  EXPECT_NE(text.find("what joins the nodes was not given: one switch that never blocks"),
            std::string::npos);
  EXPECT_NE(text.find("no prices were given"), std::string::npos);
}

TEST(TopologyText, RefusesADeviceOfAnotherGeneration) {
  EXPECT_EQ(refusal(ErrorKind::kInput, h100(), complete_options("A100-SXM-80GB")),
            "--device A100-SXM-80GB is of generation ampere, but the file describes sm90");
}

TEST(TopologyText, RefusesMoreNvlinksThanTheDeviceHas) {
  NodeSketch sketch = h100();
  sketch.switch_nvlinks = 19;
  EXPECT_NE(refusal(ErrorKind::kInput, sketch, complete_options("H100-SXM-80GB"))
                .find("has 18 NVLinks, but the file describes a GPU with 19"),
            std::string::npos);
}

TEST(TopologyText, OptionsGoBeforeTheFile) {
  ImportOptions options = complete_options("H100-SXM-80GB");
  options.nic_bandwidth = "200 Gb/s";
  options.nvlink_bandwidth = "20 GB/s";
  options.nics = {"mlx5_0", "mlx5_5"};
  const Node node = described(h100(), options).node;
  EXPECT_DOUBLE_EQ(node.nic_bandwidth.value(), 25e9);
  EXPECT_DOUBLE_EQ(node.intra_bandwidth.value(), 360e9);
  EXPECT_EQ(node.nics, 2);
}

TEST(TopologyText, CountsSeveralNicsOfAGpuAsOne) {
  NodeSketch sketch = h100();
  for (int i = 0; i < 24; ++i) sketch.nics.push_back({"efa" + std::to_string(i), {}});
  ImportOptions options = complete_options("H100-SXM-80GB");
  options.nic_bandwidth = "100 Gb/s";
  const Node node = described(sketch, options).node;
  EXPECT_EQ(node.nics, 8);
  EXPECT_DOUBLE_EQ(node.nic_bandwidth.value(), 4 * 12.5e9);
}

TEST(TopologyText, RefusesNicsThatCantBeSharedOut) {
  ImportOptions options = complete_options("H100-SXM-80GB");
  options.nics = {"mlx5_0", "mlx5_1", "mlx5_2"};
  EXPECT_NE(refusal(ErrorKind::kUnsupported, h100(), options).find("3 NICs can't be shared"),
            std::string::npos);
  options.nics = {"mlx5_77"};
  EXPECT_NE(refusal(ErrorKind::kUsage, h100(), options).find("no NIC is called mlx5_77; known: "),
            std::string::npos);
}

TEST(TopologyText, NodesWithoutNicsStandAlone) {
  NodeSketch sketch = h100();
  sketch.nics.clear();
  ImportOptions options = complete_options("H100-SXM-80GB");
  EXPECT_NE(refusal(ErrorKind::kUsage, sketch, options).find("no NIC that could join nodes"),
            std::string::npos);
  options.num_nodes = 1;
  EXPECT_EQ(described(sketch, options).node.nics, 0);
}

TEST(TopologyText, RefusesRatesWithoutUnits) {
  ImportOptions options = complete_options("H100-SXM-80GB");
  options.nic_bandwidth = "400";
  options.host_power = "-3 W";
  const std::string message = refusal(ErrorKind::kUsage, h100(), options);
  EXPECT_NE(message.find("--nic-bandwidth \"400\""), std::string::npos) << message;
  EXPECT_NE(message.find("--host-power \"-3 W\""), std::string::npos) << message;
}

}  // namespace
}  // namespace stepcast
