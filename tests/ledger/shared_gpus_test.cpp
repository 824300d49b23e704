// Clusters on which ranks share GPUs or cores, from the file to the report.
#include <gtest/gtest.h>

#include "sim/base/file_io.h"
#include "sim/ledger/validate.h"
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

TEST(SharedGpus, RowsOfATableToo) {
  const ScratchFolder folder;
  std::string table =
      "id,kind,quality,framework,cluster,n_gpus,model,num_layers,hidden_size,num_heads,num_kv_"
      "heads,"
      "ffn_hidden_size,gated_mlp,vocab_size,tied_embeddings,num_experts,seq_len,precision,dp,tp,pp,"
      "micro_batch_size,global_batch_size,sharding,schedule,recompute,step_time_s,outcome\n";
  for (const std::string cluster : {"cpu-4", "cpu-2-shared-4"})
    table += "A,k,A,stepcast-live," + cluster +
             ",4,GPT,2,256,4,4,1024,0,512,1,,64,fp32,4,1,1,1,4,none,,none,1.0,ok\n";
  const Validation rows = validate(folder.write("rows.csv", table), kShipped);
  ASSERT_EQ(rows.answers.size(), 2u);
  ASSERT_TRUE(rows.answers[0].predicted_s && rows.answers[1].predicted_s)
      << rows.answers[0].skipped << rows.answers[1].skipped;
  EXPECT_GT(*rows.answers[1].predicted_s, 1.3 * *rows.answers[0].predicted_s);
}

TEST(SharedGpus, AMachineThatAllGpusAreUsedOfPaysForAllOfItsHost) {
  const ScratchFolder folder;
  std::string two = replaced(file("live-tiny-dp4"), "cpu-4", "cpu-2-shared-4");
  two = replaced(two, R"("dp": 4)", R"("dp": 2)");
  two = replaced(two, R"("num_gpus": 4)", R"("num_gpus": 2)");
  const Scenario shared = load_scenario(folder.write("a.json", two), kShipped);
  const Scenario own =
      load_scenario(folder.write("b.json", replaced(two, "cpu-2-shared-4", "cpu-2")), kShipped);
  EXPECT_NEAR(predict(shared).report.average_power / predict(own).report.average_power, 1, 0.02);
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
