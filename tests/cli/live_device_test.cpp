// stepcast live --device: on emulated GPUs, which are loaded as real ones are, and where there are
// none.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const std::string kEmulated = std::string("STEPCAST_CUDA_MODULE=") + STEPCAST_EMULATED_MODULE;

/// Two ranks of a model that an emulated GPU trains within a second.
class LiveDevice : public testing::Test {
 protected:
  ProgramRun live(const std::vector<std::string>& more,
                  const std::vector<std::string>& environment = {kEmulated},
                  const std::string& steps = "2") const {
    std::vector<std::string> arguments = {STEPCAST_BINARY, "live", scenario_};
    if (std::ranges::find(more, "--compare") == more.end())  // which has rounds
      arguments.insert(arguments.end(), {"--steps", steps});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, {.environment = environment});
  }

 private:
  std::string write_scenario() const {
    folder_.write("micro.json", R"({
        "name": "Micro GPT", "source": "made for a test", "num_layers": 1, "hidden_size": 32,
        "num_heads": 2, "vocab_size": 64, "max_positions": 16})");
    return folder_.write("two.json", R"({
        "model": "micro.json", "topology": "dgx-h100", "num_gpus": 2, "stack": "stepcast-live",
        "plan": {"tp": 2, "micro_batch_size": 1},
        "training": {"global_batch_size": 2, "seq_len": 16, "precision": "fp32"}})");
  }

  ScratchFolder folder_;
  std::string scenario_ = write_scenario();
};

std::vector<double> losses(const ProgramRun& run) {
  const JsonDocument document = parse_json(run.out, "stdout");
  std::vector<double> losses;
  for (const JsonValue& loss : document.root().member("losses")->elements())
    losses.push_back(loss.as_number().value_or(NAN));
  return losses;
}

std::string device_of(const ProgramRun& run) {
  return parse_json(run.out, "stdout").root().member("device")->as_string().value_or("");
}

TEST_F(LiveDevice, RanksThatShareAGpuOrHaveTheirOwnTrainAsOnCores) {
  const ProgramRun cores = live({"--device", "cpu", "--json"});
  ASSERT_EQ(cores.exit_code, 0) << cores.err;
  EXPECT_EQ(device_of(cores), "cores");
  for (const char* gpus : {"1", "2"}) {
    const ProgramRun run = live({"--device", "cuda", "--json"},
                                {kEmulated, std::string("STEPCAST_EMULATED_GPUS=") + gpus});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_EQ(device_of(run), std::string(gpus) + " x emulated GPU");
    ASSERT_EQ(losses(run).size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(losses(run)[i] / losses(cores)[i], 1, 2e-6);
  }
}

// The topology is of H100s.
TEST_F(LiveDevice, AutoTakesWhatTheTopologyHas) {
  const ProgramRun run = live({"--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(device_of(run), "1 x emulated GPU");
  const ProgramRun none = live({}, {kEmulated, "STEPCAST_EMULATED_GPUS=0"});
  EXPECT_EQ(none.exit_code, 6);
  EXPECT_NE(none.err.find("two.json: the topology is of H100-SXM-80GB, and no GPU can be used: no "
                          "CUDA-capable device is detected"),
            std::string::npos)
      << none.err;
  EXPECT_NE(none.err.find("--device cpu"), std::string::npos) << none.err;
}

TEST_F(LiveDevice, WhatIsMissingIsSaid) {
  const auto expect_said = [&](const ProgramRun& run, int code, const std::string& text) {
    EXPECT_EQ(run.exit_code, code);
    EXPECT_NE(run.err.find(text), std::string::npos) << run.err;
  };
  const std::vector<std::string> cuda = {"--device", "cuda"};
  expect_said(live(cuda, {"STEPCAST_CUDA_MODULE=/nowhere/module.so"}), 6,
              "this build has no part for GPUs (/nowhere/module.so)");
  expect_said(live(cuda, {"STEPCAST_CUDA_MODULE=/etc/passwd"}), 6, "can't be loaded");
  expect_said(live(cuda, {kEmulated, "STEPCAST_EMULATED_GPUS=0"}), 6, "no CUDA-capable device");
  expect_said(live(cuda, {kEmulated, "STEPCAST_EMULATED_GPUS=-1"}), 6,
              "no NVIDIA driver is installed");
  expect_said(live(cuda, {kEmulated, "STEPCAST_EMULATED_GPUS=-2"}), 6,
              "the NVIDIA driver serves CUDA up to 11.8, and this build has CUDA 13.0");
  expect_said(live({"--device", "cuda", "--reference"}), 2, "--reference");
  expect_said(live({"--device", "gpu"}), 2, "gpu");
}

TEST_F(LiveDevice, MemoryIsComparedWithWhatIsFreeBeforeAnyRankStarts) {
  const ProgramRun run =
      live({"--device", "cuda"}, {kEmulated, "STEPCAST_EMULATED_MEMORY=671088640"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_NE(run.err.find("GPU 0 (emulated GPU) has 640 MiB of its 640 MiB free, and 2 ranks on it "
                         "need"),
            std::string::npos)
      << run.err;
  const ProgramRun own =
      live({"--device", "cuda"},
           {kEmulated, "STEPCAST_EMULATED_MEMORY=671088640", "STEPCAST_EMULATED_GPUS=2"});
  EXPECT_EQ(own.exit_code, 0) << own.err;
}

// Emulated kernels take any time; that they are timed on the memory of the GPU, and the step is
// predicted from them, is what counts. Ranks that share a GPU are measurable on a busy machine,
// too.
TEST_F(LiveDevice, StepsAreComparedWithKernelsOfTheSameGpu) {
  const ProgramRun run = live({"--device", "cuda", "--compare", "--rounds", "2", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonDocument document = parse_json(run.out, "stdout");
  const JsonValue comparison = *document.root().member("comparison");
  ASSERT_EQ(comparison.member("measurable")->as_boolean(), true);
  EXPECT_GT(*comparison.member("predicted_step_time_s")->as_number(), 0);
  EXPECT_GT(*comparison.member("measured_step_time_s")->as_number(), 0);
  EXPECT_GT(comparison.member("classes")->elements().size(), 3u);
  EXPECT_GE(comparison.member("exposed")->elements().size(), 1u);
}

// One layer of hidden size 32, 2 sequences of 16 tokens: forward has 2 * 2 * 16 * (4 * 32^2 + 2 *
// 16 * 32 + 8 * 32^2 + 32 * 64) FLOPs, and training three times as many.
TEST_F(LiveDevice, UtilizationIsOfTheGpusThatRanksUseAsTheirDriverNamesThem) {
  constexpr double kFlops = 3.0 * 2 * 2 * 16 * (12 * 1024 + 1024 + 2048);
  const std::vector<std::string> h100 = {kEmulated, "STEPCAST_EMULATED_NAME=NVIDIA H100 80GB HBM3",
                                         "STEPCAST_EMULATED_SMS=132",
                                         "STEPCAST_EMULATED_MEMORY=85520809984"};
  for (const int gpus : {1, 2}) {  // two ranks share one, or have their own
    std::vector<std::string> environment = h100;
    environment.push_back("STEPCAST_EMULATED_GPUS=" + std::to_string(gpus));
    const ProgramRun run = live({"--device", "cuda", "--json"}, environment, "4");
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const JsonDocument document = parse_json(run.out, "stdout");
    const auto number = [&](const char* key) {
      return document.root().member(key)->as_number().value_or(0);
    };
    EXPECT_EQ(document.root().member("peak_of")->as_string(),
              std::to_string(gpus) + " x H100-SXM-80GB");
    EXPECT_DOUBLE_EQ(number("peak_flops_per_s"), gpus * 67e12);
    EXPECT_DOUBLE_EQ(number("model_flops_per_step"), kFlops);
    EXPECT_NEAR(number("model_flops_utilization") * number("peak_flops_per_s") *
                    number("step_time_median_s"),
                kFlops, 1e-9 * kFlops);
  }
}

TEST_F(LiveDevice, UtilizationOfComparedStepsIsThatOfTheMeasuredOne) {
  const ProgramRun run = live({"--device", "cuda", "--compare", "--rounds", "2", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonDocument document = parse_json(run.out, "stdout");
  ASSERT_EQ(document.root().member("comparison")->member("measurable")->as_boolean(), true)
      << run.out;
  const double measured =
      *document.root().member("comparison")->member("measured_step_time_s")->as_number();
  const double flops = *document.root().member("model_flops_per_step")->as_number();
  EXPECT_NEAR(*document.root().member("model_flops_per_s")->as_number() * measured, flops,
              1e-9 * flops);
}

TEST_F(LiveDevice, AnUnknownPeakIsSaidInsteadOfAUtilization) {
  const ProgramRun gpu = live({"--device", "cuda", "--json"}, {kEmulated}, "4");
  ASSERT_EQ(gpu.exit_code, 0) << gpu.err;
  const JsonDocument document = parse_json(gpu.out, "stdout");
  EXPECT_FALSE(document.root().member("model_flops_utilization"));
  EXPECT_EQ(document.root().member("peak_unknown")->as_string(),
            "\"emulated GPU\" with 4 SMs is no shipped device (topologies/devices/)");
  const ProgramRun cores = live({"--device", "cpu"}, {kEmulated}, "4");
  EXPECT_NE(cores.out.find("the ranks are on cores, and the topology is of H100-SXM-80GB"),
            std::string::npos)
      << cores.out;
}

TEST_F(LiveDevice, TheTraceShowsWhenStreamsRanWhat) {
  const ScratchFolder folder;
  const ProgramRun run = live({"--device", "cuda", "--trace", folder.path("t.json")});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const ProgramRun compared =
      run_program({STEPCAST_BINARY, "compare", folder.path("t.json"), folder.path("t.json")});
  EXPECT_EQ(compared.exit_code, 0) << compared.err;
}

}  // namespace
}  // namespace stepcast
