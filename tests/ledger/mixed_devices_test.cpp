// Clusters of several GPU generations, from the file to the report.
#include <gtest/gtest.h>

#include "sim/base/file_io.h"
#include "sim/stepcast.h"
#include "tests/support/scratch_folder.h"

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
  scenario.device_of_rank.clear();
  scenario.topology = load_topology(topology, kShipped);
  scenario.device_profile = load_device_profile(scenario.topology.device_profile, kShipped);
  scenario.network_profile =
      for_generation(load_network_profile(scenario.topology.network_profile, kShipped),
                     scenario.topology.device.generation);
  return scenario;
}

TEST(MixedDevices, RanksKnowTheirDevice) {
  const Scenario scenario = mixed();
  ASSERT_EQ(scenario.device_of_rank.size(), 64u);
  for (std::size_t rank = 0; rank < 64; ++rank)
    EXPECT_EQ(scenario.device_of_rank[rank], rank / 32) << rank;
  EXPECT_EQ(device_of(scenario, 1).name, "H100-SXM-80GB");
  EXPECT_EQ(scenario.further_devices[0].device_profile.name, "h100");
}

TEST(MixedDevices, AClusterOfTwoIsOfOneWhereThePlanUsesOne) {
  const ScratchFolder folder;
  const std::string text =
      read_text_file(kShipped.scenario_file("llama2-13b-32xa100-32xh100"), 1 << 20);
  std::string half = text;
  half.replace(half.find("\"num_gpus\": 64"), 14, "\"num_gpus\": 32");
  half.replace(half.find("\"dp\": 8"), 7, "\"dp\": 4");
  const Scenario scenario = load_scenario(folder.write("half.json", half), kShipped);
  EXPECT_TRUE(scenario.further_devices.empty());
  EXPECT_TRUE(scenario.device_of_rank.empty());
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

// ---- Four GPUs: two A100 in one node, two H100 in the other

std::string small_cluster() {
  return R"({"name": "small", "device": "A100-SXM-80GB", "device_profile": "a100-80g",
      "network_profile": "nccl-ib", "fabric": {"kind": "single_switch"},
      "price_per_gpu_hour": "1 USD/h", "electricity_price": "0.10 USD/kWh",
      "power_usage_effectiveness": 1.2, "source": "test", "node_groups": [
        {"num_nodes": 1, "node": {"gpus": 2, "intra": "nvswitch", "intra_bandwidth": "300 GB/s",
            "nics": 2, "nic_bandwidth": "200 Gb/s", "host_power": "1000 W"}},
        {"num_nodes": 1, "device": "H100-SXM-80GB", "device_profile": "h100",
         "node": {"gpus": 2, "intra": "nvswitch", "intra_bandwidth": "450 GB/s",
            "nics": 2, "nic_bandwidth": "400 Gb/s", "host_power": "1000 W"}}]})";
}

std::string small_scenario(const std::string& topology, const std::string& plan) {
  return R"({"model": {"name": "tiny", "num_layers": 4, "hidden_size": 1024, "num_heads": 8,
      "vocab_size": 8192, "position_embedding": "rotary"}, "stack": "megatron-lm",
      "topology": )" +
         topology + R"(, "plan": )" + plan +
         R"(, "training": {"global_batch_size": 8, "seq_len": 512, "precision": "bf16"}})";
}

SharedCluster shared(const ScratchFolder& folder, const std::string& jobs) {
  return load_shared_cluster(folder.write("jobs.json", R"({"topology": )" + small_cluster() +
                                                           R"(, "jobs": )" + jobs + "}"),
                             kShipped);
}

constexpr const char* kFourRanks = R"({"tp": 2, "dp": 2})";

TEST(MixedDevices, ChunkByChunkIsCloseToCoupledTransfers) {
  const ScratchFolder folder;
  const Scenario scenario =
      load_scenario(folder.write("s.json", small_scenario(small_cluster(), kFourRanks)), kShipped);
  ASSERT_EQ(scenario.further_devices.size(), 1u);
  SimulateOptions options;
  options.fidelity = Fidelity::kMessage;
  const Seconds chunks = predict(scenario, options).report.step_time;
  EXPECT_NEAR(chunks / predict(scenario).report.step_time, 1, 0.02);
}

TEST(MixedDevices, AJobOnBothKindsTakesWhatPredictSays) {
  const ScratchFolder folder;
  const std::string text = small_scenario(small_cluster(), kFourRanks);
  const Scenario scenario = load_scenario(folder.write("s.json", text), kShipped);
  const SharedCluster cluster =
      shared(folder, R"([{"name": "only", "first_gpu": 0, "scenario": )" + text + "}]");
  const SharedPrediction prediction = predict(cluster);
  EXPECT_EQ(prediction.jobs[0].step_time_alone, predict(scenario).report.step_time);
}

TEST(MixedDevices, JobsRunOnTheDevicesOfTheirPlaces) {
  const ScratchFolder folder;
  const std::string two = small_scenario("\"dgx-a100-80g\"", R"({"tp": 2})");
  const SharedCluster cluster =
      shared(folder, R"([{"name": "old", "first_gpu": 0, "scenario": )" + two +
                         R"(}, {"name": "new", "gpus": [3, 2], "scenario": )" + two + "}]");
  EXPECT_TRUE(cluster.jobs[0].scenario.device_of_rank.empty());
  EXPECT_EQ(cluster.jobs[1].scenario.device_of_rank, (std::vector<std::uint32_t>{1, 1}));
  const SharedPrediction prediction = predict(cluster);
  const auto alone = [&](const std::string& topology) {
    return predict(load_scenario(folder.write("alone.json", small_scenario("\"" + topology + "\"",
                                                                           R"({"tp": 2})")),
                                 kShipped))
        .report.step_time;
  };
  EXPECT_NEAR(prediction.jobs[0].step_time / alone("dgx-a100-80g"), 1, 1e-12);
  EXPECT_NEAR(prediction.jobs[1].step_time / alone("dgx-h100"), 1, 1e-12);
}

TEST(MixedDevices, AProfileOfTheScenarioIsForOneDevice) {
  const ScratchFolder folder;
  std::string text = small_scenario("\"dgx-a100-80g\"", R"({"tp": 2})");
  text.insert(1, R"("device_profile": "a100-80g", )");
  try {
    shared(folder, R"([{"name": "new", "first_gpu": 2, "scenario": )" + text + "}]");
    ADD_FAILURE() << "loaded";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("the plan uses nodes of H100-SXM-80GB"),
              std::string::npos)
        << error.what();
  }
}

}  // namespace
}  // namespace stepcast
