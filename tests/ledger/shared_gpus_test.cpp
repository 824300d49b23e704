// Clusters on which ranks share GPUs or cores, from the file to the report.
#include <gtest/gtest.h>

#include "sim/base/file_io.h"
#include "sim/stepcast.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const Library kShipped{STEPCAST_SOURCE_DIR};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string file(const std::string& scenario) {
  return read_text_file(kShipped.scenario_file(scenario), 1 << 20);
}

/// A shipped scenario, with four cores or with two that two ranks share each.
Scenario on(const std::string& topology, const std::string& scenario) {
  const ScratchFolder folder;
  return load_scenario(folder.write("s.json", replaced(file(scenario), "cpu-4", topology)),
                       kShipped);
}

TEST(SharedGpus, APipelineComputesInTheBubblesOfTheOther) {
  const Prediction four = predict(on("cpu-4", "live-small-pp4-1f1b"));
  const Prediction two = predict(on("cpu-2-shared-4", "live-small-pp4-1f1b"));
  EXPECT_EQ(four.report.devices[0].gpus, 4);
  EXPECT_EQ(two.report.devices[0].gpus, 2);
  // All work is done by half of the cores: no less than twice what one of four had to do, and less
  // than twice the step, whose bubble they fill.
  const double work = four.report.devices[0].compute.value();
  EXPECT_NEAR(two.report.devices[0].compute.value(), 2 * work, 1e-9);
  EXPECT_GT(two.report.step_time.value(), 2 * work);
  EXPECT_LT(two.report.step_time.value(), 1.8 * four.report.step_time.value());
  EXPECT_EQ(two.report.memory_capacity.value(), four.report.memory_capacity.value() / 2);
}

TEST(SharedGpus, ReplicasThatComputeTogetherTakeTwiceAsLong) {
  const auto compute = [](const std::string& topology) {
    const Prediction prediction = predict(on(topology, "live-tiny-dp4"));
    return prediction.simulation.ranks[0].time.compute.value();
  };
  EXPECT_NEAR(compute("cpu-2-shared-4") / compute("cpu-4"), 2, 0.05);
}

TEST(SharedGpus, ChunkByChunkToo) {
  const Scenario scenario = on("cpu-2-shared-4", "live-small-pp4-1f1b");
  const Seconds fluid = predict(scenario).report.step_time;
  SimulateOptions chunk_by_chunk;
  chunk_by_chunk.fidelity = Fidelity::kMessage;
  const Seconds chunks = predict(scenario, chunk_by_chunk).report.step_time;
  EXPECT_NEAR(chunks / fluid, 1, 0.05);
}

TEST(SharedGpus, TransfersThatHoldSmsAreRefused) {
  Scenario scenario = load_scenario(kShipped.scenario_file("live-gpu-125m-dp2-shared"), kShipped);
  scenario.stack.collective_sms = 8;
  try {
    predict(scenario);
    ADD_FAILURE() << "predicted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find(scenario.file), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("collective_sms and p2p_sms must be 0"),
              std::string::npos)
        << error.what();
  }
}

TEST(SharedGpus, JobsOfACluster) {
  const ScratchFolder folder;
  std::string one = replaced(file("live-tiny-dp4"), "cpu-4", "cpu-2-shared-4");
  one = replaced(one, R"("dp": 4)", R"("dp": 2)");
  folder.write("one.json", replaced(one, R"("num_gpus": 4)", R"("num_gpus": 2)"));
  const std::string cluster = R"({"topology": "cpu-2-shared-4", "jobs": [
      {"name": "a", "first_gpu": 0, "scenario": "one.json"},
      {"name": "b", "first_gpu": 2, "scenario": "one.json"}]})";
  const SharedPrediction prediction =
      predict(load_shared_cluster(folder.write("jobs.json", cluster), kShipped));
  // Places 0 and 1 are on cores of their own, and so are 2 and 3.
  EXPECT_NEAR(prediction.jobs[0].slowdown(), 2, 0.1);
}

}  // namespace
}  // namespace stepcast
