// stepcast live --device cuda under mpirun, on emulated GPUs: which GPU each rank takes, how ranks
// communicate, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mpi/run_mpi.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

constexpr const char* kH100 = "NVIDIA H100 80GB HBM3";

class LiveGpusUnderMpi : public testing::Test {
 protected:
  /// A scenario of a model that an emulated GPU trains within a second.
  std::string scenario(int ranks, const std::string& plan,
                       const std::string& topology = "dgx-h100") const {
    folder_.write("micro.json", R"({
        "name": "Micro GPT", "source": "made for a test", "num_layers": 2, "hidden_size": 32,
        "num_heads": 2, "vocab_size": 64, "max_positions": 16})");
    return folder_.write("scenario.json", R"({"model": "micro.json", "topology": ")" + topology +
                                              R"(", "num_gpus": )" + std::to_string(ranks) +
                                              R"(, "stack": "stepcast-live", "plan": {)" + plan +
                                              R"(, "micro_batch_size": 1},
        "training": {"global_batch_size": 4, "seq_len": 16, "precision": "fp32"}})");
  }

  /// `gpus` in sight of each process, which train some steps.
  static std::vector<std::string> live(const std::string& scenario, int gpus,
                                       const std::vector<std::string>& variables = {},
                                       const std::vector<std::string>& more = {}) {
    std::vector<std::string> command = {
        "/usr/bin/env", std::string("STEPCAST_CUDA_MODULE=") + STEPCAST_EMULATED_MODULE,
        "STEPCAST_EMULATED_GPUS=" + std::to_string(gpus),
        std::string("STEPCAST_EMULATED_NAME=") + kH100};
    for (const std::string& variable : variables) command.push_back(variable);
    for (const char* word : {STEPCAST_BINARY, "live"}) command.push_back(word);
    command.push_back(scenario);
    for (const char* word : {"--device", "cuda", "--json"}) command.push_back(word);
    const bool compared = std::ranges::find(more, "--compare") != more.end();  // it has rounds
    return joined(joined(command, compared ? std::vector<std::string>{}
                                           : std::vector<std::string>{"--steps", "3"}),
                  more);
  }

  /// Nothing is said here by ranks that mpirun ends: it needs to give them no time.
  ProgramRun on_ranks(int ranks, const std::vector<std::string>& command) const {
    return run_mpi(
        joined({"--mca", "odls_base_sigkill_timeout", "0", "-n", std::to_string(ranks)}, command),
        folder_.root());
  }
  /// The second of two ranks is started in another way.
  ProgramRun on_two(const std::vector<std::string>& first,
                    const std::vector<std::string>& second) const {
    return on_ranks(1, joined(joined(first, {":", "-n", "1"}), second));
  }

  const ScratchFolder folder_;
};

std::string device_of(const ProgramRun& run) {
  return parse_json(run.out, "stdout").root().member("device")->as_string().value_or("");
}

void expect_refused(const ProgramRun& run, int code, const std::string& why) {
  EXPECT_EQ(run.exit_code, code) << run.err;
  EXPECT_NE(run.err.find(why), std::string::npos) << run.err;
  EXPECT_EQ(run.out, "");
}

/// NCCL's emulation adds in the order of ranks, whoever started them: not a bit differs.
TEST_F(LiveGpusUnderMpi, RanksWithGpusOfTheirOwnTrainAsProcessesOfOneMachineDo) {
  const std::string two = scenario(2, R"("tp": 2)");
  const std::vector<double> expected = losses_of(run_program(live(two, 2)));
  ASSERT_EQ(expected.size(), 3u);
  const ProgramRun run = on_ranks(2, live(two, 2));
  EXPECT_EQ(losses_of(run), expected);
  EXPECT_EQ(device_of(run), std::string("2 x ") + kH100);
}

/// The bound of "same training" (tests/live/same_training_test.cpp), against one rank on a core.
TEST_F(LiveGpusUnderMpi, APlanOfGroupsAndStagesTrainsAsOneRankDoes) {
  const std::vector<double> one =
      losses_of(run_program({STEPCAST_BINARY, "live", scenario(1, R"("tp": 1)"), "--device", "cpu",
                             "--steps", "3", "--json"}));
  const ProgramRun run = on_ranks(4, live(scenario(4, R"("dp": 2, "pp": 2, "zero_stage": 1)"), 4));
  const std::vector<double> four = losses_of(run);
  ASSERT_EQ(four.size(), one.size()) << run.err;
  for (std::size_t step = 0; step < one.size(); ++step)
    EXPECT_NEAR(four[step] / one[step], 1, 2e-6);
}

TEST_F(LiveGpusUnderMpi, OwnGpusTalkByNcclUnlessToldOtherwise) {
  const std::string two = scenario(2, R"("dp": 2)");
  // Where the emulated NCCL finds no folder for its files, whoever calls it fails.
  const std::vector<std::string> nowhere = {"TMPDIR=/nowhere"};
  const ProgramRun by_nccl = on_ranks(2, live(two, 2, nowhere));
  EXPECT_EQ(by_nccl.exit_code, 7);
  EXPECT_NE(by_nccl.err.find("NCCL: "), std::string::npos) << by_nccl.err;
  const ProgramRun by_host = on_ranks(2, live(two, 2, nowhere, {"--through-host"}));
  EXPECT_EQ(losses_of(by_host), losses_of(run_program(live(two, 2, {}, {"--through-host"}))));
}

TEST_F(LiveGpusUnderMpi, RanksShareAGpuWhereTheTopologySaysSo) {
  const std::string shared = scenario(2, R"("dp": 2)", "h200-shared-2");
  const std::vector<std::string> h200 = {"STEPCAST_EMULATED_NAME=NVIDIA H200"};
  const ProgramRun run = on_ranks(2, live(shared, 1, h200));
  EXPECT_EQ(losses_of(run), losses_of(run_program(live(shared, 1, h200))));
  EXPECT_EQ(device_of(run), "1 x NVIDIA H200");
}

TEST_F(LiveGpusUnderMpi, RanksThatSeeOneGpuEachTakeIt) {
  const std::string two = scenario(2, R"("tp": 2)");
  const ProgramRun run = on_two(live(two, 1), live(two, 1, {"STEPCAST_EMULATED_FIRST=1"}));
  EXPECT_EQ(losses_of(run), losses_of(run_program(live(two, 2))));
  EXPECT_EQ(device_of(run), std::string("2 x ") + kH100);
}

/// Rank 0 alone predicts, and the other one waits for its word whether to try once more.
TEST_F(LiveGpusUnderMpi, AComparisonThatCannotBePredictedEndsAllRanks) {
  scenario(2, R"("dp": 2)");  // for its model
  const std::string slowed = folder_.write("slowed.json", R"({
      "model": "micro.json", "topology": "h200-shared-2", "num_gpus": 2,
      "stack": {"traits": {}, "costs": {
        "name": "slowed", "kernel_library": "stepcast", "collective_sms": 8}},
      "plan": {"dp": 2, "micro_batch_size": 1},
      "training": {"global_batch_size": 2, "seq_len": 16, "precision": "fp32"}})");
  const ProgramRun run = on_ranks(
      2, live(slowed, 1, {"STEPCAST_EMULATED_NAME=NVIDIA H200"}, {"--compare", "--rounds", "2"}));
  EXPECT_FALSE(run.timed_out);
  expect_refused(
      run, 6,
      "ranks that share a core or a GPU are simulated only where transfers slow no kernel down");
}

/// Each node has a GPU of the same number and bus id.
TEST_F(LiveGpusUnderMpi, EachNodeHasGpusOfItsOwn) {
  const std::string two = scenario(2, R"("dp": 2)");
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, std::vector<std::string>{"--through-host"}}) {
    const ProgramRun run = on_ranks(2, joined(two_nodes(folder_), live(two, 1, {}, more)));
    EXPECT_EQ(losses_of(run), losses_of(run_program(live(two, 2, {}, more))));
    EXPECT_EQ(device_of(run), std::string("2 x ") + kH100);
  }
}

TEST_F(LiveGpusUnderMpi, MoreRanksThanGpusAreRefusedWhereTheTopologyHasOneForEach) {
  expect_refused(on_ranks(2, live(scenario(2, R"("tp": 2)"), 1)), 4,
                 "2 ranks would share GPU 0 (" + std::string(kH100) + ") of ");
}

TEST_F(LiveGpusUnderMpi, OtherGpusThanTheTopologysAreRefused) {
  const std::string two = scenario(2, R"("tp": 2)");
  const std::vector<std::string> a100 = {"STEPCAST_EMULATED_NAME=NVIDIA A100-SXM4-80GB"};
  expect_refused(on_ranks(2, live(two, 2, a100)), 6,
                 "the topology is of H100-SXM-80GB, and rank 0 would compute on GPU 0 (NVIDIA "
                 "A100-SXM4-80GB) of ");
  expect_refused(on_two(live(two, 2), live(two, 2, a100)), 6,
                 "live ranks compute on GPUs of one kind: rank 0 has \"" + std::string(kH100) +
                     "\", rank 1 has \"NVIDIA A100-SXM4-80GB\" (all on ");
}

TEST_F(LiveGpusUnderMpi, OtherVersionsOfNcclAreTold) {
  const std::string two = scenario(2, R"("tp": 2)");
  expect_refused(on_two(live(two, 2), live(two, 2, {"STEPCAST_EMULATED_NCCL=22304"})), 7,
                 "ranks do not agree on the versions of driver, CUDA and NCCL: rank 0 has \"driver "
                 "for CUDA 13.0, CUDA 13.0, NCCL 2.27.3\", rank 1 has \"driver for CUDA 13.0, CUDA "
                 "13.0, NCCL 2.23.4\" (all on ");
}

TEST_F(LiveGpusUnderMpi, ARankWithoutAGpuIsNamed) {
  const std::string two = scenario(2, R"("tp": 2)");
  const ProgramRun run = on_two(live(two, 2), live(two, 0));
  expect_refused(run, 6, "no GPU can be used: rank 1 on ");
  EXPECT_NE(run.err.find(": no CUDA-capable device is detected"), std::string::npos) << run.err;
}

TEST_F(LiveGpusUnderMpi, MemoryIsComparedWithWhatIsFree) {
  expect_refused(on_ranks(2, live(scenario(2, R"("tp": 2)"), 2, {"STEPCAST_EMULATED_MEMORY=4096"})),
                 4, "has 4.00 KiB of its 4.00 KiB free, and 1 rank needs ");
}

}  // namespace
}  // namespace stepcast
