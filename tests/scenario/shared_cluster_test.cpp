#include "sim/scenario/shared_cluster.h"

#include <gtest/gtest.h>

#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const Library kShipped{STEPCAST_SOURCE_DIR};

/// Eight ranks of a tiny model; `plan` may break it.
std::string scenario(const std::string& plan = R"({"tp": 2, "pp": 2, "dp": 2})") {
  return R"({"model": {"name": "tiny", "num_layers": 4, "hidden_size": 256, "num_heads": 4,
      "vocab_size": 1024, "position_embedding": "rotary"}, "stack": "megatron-lm",
      "topology": "dgx1-v100-16g", "plan": )" +
         plan + R"(, "training": {"global_batch_size": 8, "seq_len": 128, "precision": "bf16"}})";
}

class LoadSharedCluster : public ::testing::Test {
 protected:
  SharedCluster load(const std::string& jobs) const {
    return load_shared_cluster(
        folder_.write("jobs.json", R"({"topology": "dgx-a100-80g", "jobs": [)" + jobs + "]}"),
        kShipped);
  }
  Error refusal(const std::string& jobs) const {
    try {
      load(jobs);
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "loaded: " << jobs;
    return Error(ErrorKind::kInternal, "loaded");
  }
  static bool says(const Error& error, const std::string& part) {
    return std::string(error.what()).find(part) != std::string::npos;
  }

  ScratchFolder folder_;
};

std::string job(const std::string& name, const std::string& place,
                const std::string& what = scenario()) {
  return R"({"name": ")" + name + R"(", )" + place + R"(, "scenario": )" + what + "}";
}

TEST_F(LoadSharedCluster, JobsHaveTheirPlacesStartsAndSteps) {
  folder_.write("mine.json", scenario());
  const SharedCluster cluster =
      load(job("a", R"("first_gpu": 4)") + "," +
           job("b", R"("gpus": [0, 1, 2, 3, 15, 14, 13, 12], "start": "2 s", "steps": 3)",
               R"("mine.json")") +
           "," + job("c", R"("first_gpu": 16)", R"("gpt-22b-8xa100-full")"));
  ASSERT_EQ(cluster.jobs.size(), 3u);
  EXPECT_EQ(cluster.jobs[0].gpus, (std::vector<std::uint32_t>{4, 5, 6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(cluster.jobs[1].gpus[4], 15u);
  EXPECT_EQ(cluster.jobs[1].start, Seconds(2));
  EXPECT_EQ(cluster.jobs[1].steps, 3u);
  EXPECT_EQ(cluster.num_gpus(), 24u);
  for (const ClusterJob& entry : cluster.jobs)
    EXPECT_EQ(entry.scenario.topology.name, "dgx-a100-80g") << "the cluster's, not the scenario's";
}

TEST_F(LoadSharedCluster, JobsThatShareAGpuAreBothNamed) {
  const Error error =
      refusal(job("early", R"("first_gpu": 0)") + "," + job("late", R"("first_gpu": 7)"));
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_TRUE(says(error, R"(jobs[1]: job "late" shares GPU 7 with job "early")")) << error.what();
}

TEST_F(LoadSharedCluster, PlacesThatDoNotFitAreRefused) {
  EXPECT_TRUE(says(refusal(job("a", R"("first_gpu": 16380)")), "has GPUs 0 to 16383"));
  EXPECT_TRUE(says(refusal(job("a", R"("gpus": [0, 1])")), "has 2 GPUs, and its plan needs 8"));
  EXPECT_TRUE(says(refusal(job("a", R"("gpus": [0, 1, 2, 3, 4, 5, 6, 6])")), "shares GPU 6"));
  EXPECT_TRUE(says(refusal(job("a", R"("gpus": [0, -1])")), "must be the number of a GPU"));
  EXPECT_TRUE(says(refusal(job("a", R"("gpus": [0], "first_gpu": 0)")), "give one of the two"));
}

TEST_F(LoadSharedCluster, AllMistakesAreToldAtOnce) {
  const Error error = refusal(job("a", R"("first_gpu": -1)") + "," +
                              job("b", R"("first_gpu": 8, "stepz": 2)", scenario(R"({"tp": 3})")));
  EXPECT_EQ(error.kind(), ErrorKind::kInput);
  EXPECT_TRUE(says(error, "jobs[0].first_gpu")) << error.what();
  EXPECT_TRUE(says(error, "did you mean \"steps\"")) << error.what();
  EXPECT_TRUE(says(error, "plan.tp")) << error.what();
}

TEST_F(LoadSharedCluster, APlanThatCannotRunIsInfeasible) {
  EXPECT_EQ(refusal(job("a", R"("first_gpu": 0)", scenario(R"({"tp": 3})"))).kind(),
            ErrorKind::kInfeasible);
}

TEST_F(LoadSharedCluster, NamesAreUniqueAndThereIsAJob) {
  EXPECT_TRUE(says(refusal(job("a", R"("first_gpu": 0)") + "," + job("a", R"("first_gpu": 8)")),
                   "has the name of another job"));
  EXPECT_TRUE(says(refusal(""), "one at least"));
}

}  // namespace
}  // namespace stepcast
