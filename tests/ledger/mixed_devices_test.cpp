// Clusters of several GPU generations, from the file to the report.
#include <gtest/gtest.h>

#include "sim/stepcast.h"

namespace stepcast {
namespace {

const Library kShipped{STEPCAST_SOURCE_DIR};

/// 32 GPUs of A100 nodes, then 32 of H100 nodes; one model replica in each node.
Scenario mixed() {
  return load_scenario(kShipped.scenario_file("llama2-13b-32xa100-32xh100"), kShipped);
}

/// The same on nodes of one kind.
Scenario alike(const std::string& topology) {
  Scenario scenario = mixed();
  scenario.further_devices.clear();
  scenario.device_of_group = {0};
  scenario.topology = load_topology(topology, kShipped);
  scenario.device_profile = load_device_profile(scenario.topology.device_profile, kShipped);
  scenario.network_profile =
      for_generation(load_network_profile(scenario.topology.network_profile, kShipped),
                     scenario.topology.device.generation);
  return scenario;
}

TEST(MixedDevices, RanksKnowTheirDevice) {
  const Scenario scenario = mixed();
  const std::vector<std::uint32_t> devices = devices_of_ranks(scenario);
  ASSERT_EQ(devices.size(), 64u);
  for (std::size_t rank = 0; rank < 64; ++rank) EXPECT_EQ(devices[rank], rank / 32) << rank;
  EXPECT_EQ(device_of(scenario, 1).name, "H100-SXM-80GB");
  EXPECT_EQ(scenario.further_devices[0].device_profile.name, "h100");
}

TEST(MixedDevices, AClusterOfTwoIsOfOneWhereThePlanUsesOne) {
  Scenario scenario = mixed();
  scenario.num_gpus = 32;
  EXPECT_EQ(devices_of_ranks(scenario), std::vector<std::uint32_t>(32, 0));
}

TEST(MixedDevices, KernelsTakeAsLongAsOnClustersOfTheirDevice) {
  const Prediction both = predict(mixed());
  ASSERT_EQ(both.report.devices.size(), 2u);
  std::size_t d = 0;
  for (const char* topology : {"dgx-a100-80g", "dgx-h100"}) {
    const Prediction one = predict(alike(topology));
    EXPECT_EQ(both.report.devices[d].gpus, 32);
    EXPECT_DOUBLE_EQ(both.report.devices[d].compute.value(), one.report.devices[0].compute.value());
    ++d;
  }
}

TEST(MixedDevices, DataParallelReplicasWaitForTheSlowOnes) {
  const Prediction both = predict(mixed());
  const Prediction slow = predict(alike("dgx-a100-80g"));
  // Gradients wait for the A100 in either case, and move at the rate of their NICs.
  EXPECT_NEAR(both.report.step_time / slow.report.step_time, 1, 1e-3);
  // What the H100 compute less, they wait for gradients.
  const auto waits = [&](Rank rank) {
    return both.simulation.ranks[both.simulation.class_of_rank[rank]].time.wait_data;
  };
  const Seconds ahead = both.report.devices[0].compute - both.report.devices[1].compute;
  EXPECT_GT(waits(32) - waits(0), ahead * 0.9);
}

TEST(MixedDevices, FoldedEqualsUnfolded) {
  const Seconds folded = predict(mixed()).report.step_time;
  SimulateOptions options;
  options.folding = Folding::kOff;
  const Seconds apart = predict(mixed(), options).report.step_time;
  EXPECT_NEAR(folded / apart, 1, 1e-12);
}

TEST(MixedDevices, PeakAndPowerAreThoseOfEachDevice) {
  const Scenario scenario = mixed();
  const Report report = predict(scenario).report;
  const FlopsPerSec peak =
      device_of(scenario, 0).peak_bf16 * 32.0 + device_of(scenario, 1).peak_bf16 * 32.0;
  EXPECT_NEAR(report.model_flops_utilization, report.achieved_per_gpu * 64.0 / peak, 1e-12);
}

TEST(MixedDevices, SingleMessagesAreRefused) {
  SimulateOptions options;
  options.fidelity = Fidelity::kMessage;
  EXPECT_THROW(predict(mixed(), options), Error);
}

}  // namespace
}  // namespace stepcast
