// stepcast profile on a GPU: a simulated one (tests/gpu_profiler/simulated_module.cpp), and a
// management library of our own.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "sim/base/json_document.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

const std::string kScenario = STEPCAST_SOURCE_DIR "/scenarios/gpt-22b-8xa100-selective.json";

class ProfileOnGpu : public testing::Test {
 protected:
  ProfileOnGpu() {
    fs::create_directories(folder_);
    fs::create_symlink(STEPCAST_FAKE_NVML, folder_ / "libnvidia-ml.so.1");
  }
  ~ProfileOnGpu() override { fs::remove_all(folder_); }

  /// `matter`: what is the matter with the GPU. `sensors`: variables of the fake library.
  ProgramRun run(std::vector<std::string> arguments, const std::string& matter = "",
                 const std::vector<std::string>& sensors = {}) const {
    arguments.insert(arguments.begin(), {STEPCAST_BINARY, "profile"});
    RunOptions options{.environment = {"STEPCAST_CUDA_MODULE=" STEPCAST_SIMULATED_MODULE,
                                       "STEPCAST_SIMULATED=" + matter,
                                       "LD_LIBRARY_PATH=" + folder_.string()}};
    options.environment.insert(options.environment.end(), sensors.begin(), sensors.end());
    return run_program(arguments, options);
  }
  ProgramRun profile(const std::string& matter = "",
                     const std::vector<std::string>& sensors = {}) const {
    return run({"--for", kScenario, "--rounds", "2", "--budget", "8", "-o", file(), "--json"},
               matter, sensors);
  }
  std::string file() const { return (folder_ / "a100.json").string(); }
  bool left_something() const {
    for (const auto& entry : fs::directory_iterator(folder_))
      if (entry.path().filename() != "libnvidia-ml.so.1") return true;
    return false;
  }
  void expect_refused(const ProgramRun& ran, const std::string& why) const {
    EXPECT_EQ(ran.exit_code, 6) << ran.err;
    EXPECT_NE(ran.err.find(why), std::string::npos) << ran.err;
    EXPECT_EQ(ran.out, "");
    EXPECT_FALSE(left_something());
  }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("profile-gpu-" + std::to_string(::getpid()));
};

JsonValue document(const std::string& text) { return parse_json(text, "stdout").root(); }

TEST_F(ProfileOnGpu, WritesTheKernelsOfAScenarioInBothConditionsAndARerunKeepsThem) {
  const ProgramRun ran = profile();
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("under load for"), std::string::npos) << ran.err;
  const JsonValue written = read_json_file(file()).root();
  EXPECT_EQ(written.member("device")->as_string(), "A100-SXM-80GB");
  EXPECT_EQ(written.member("condition")->as_string(), "sustained");
  const JsonValue provenance = *written.member("provenance");
  EXPECT_EQ(provenance.member("machine")->as_string(), "NVIDIA A100-SXM4-80GB");
  EXPECT_EQ(provenance.member("driver")->as_string(), "580.65.06");
  EXPECT_EQ(provenance.member("sm_clock")->as_string(), "1755 MHz");
  std::size_t bursts = 0;
  for (const JsonValue& point : written.member("points")->elements())
    bursts += point.member("burst").has_value();
  EXPECT_GT(bursts, 0u);
  EXPECT_EQ(run_program({STEPCAST_BINARY, "check", file()}).exit_code, 0);
  const double points = *document(ran.out).member("points")->as_number();
  const ProgramRun again = profile();
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(*document(again.out).member("kept")->as_number(), points);
}

TEST_F(ProfileOnGpu, WhatIsMissingIsToldPlainlyAndNothingIsWritten) {
  expect_refused(profile("no driver"), "no NVIDIA driver is installed");
  expect_refused(profile("old driver"), "too old: it serves CUDA 12.4");
  expect_refused(profile("no gpu"), "no GPU can be used here (CUDA: no device)");
  expect_refused(profile("h200"), "this GPU (NVIDIA H200) is H200-SXM-141GB");
  expect_refused(run({"--device", "cuda", "--gpu", "3", "-o", file()}), "there are 1 GPUs here");
}

TEST_F(ProfileOnGpu, AGpuThatIsHotOrInUseIsRefused) {
  expect_refused(profile("", {"FAKE_NVML_REASONS=0x40", "FAKE_NVML_TEMPERATURE=91"}),
                 "is at 91 C and slowed down by heat");
  expect_refused(profile("", {"FAKE_NVML_PROCESSES=1"}),
                 "in use by another process (pid 1000 with 30000 MB)");
}

TEST_F(ProfileOnGpu, WithoutAPartForGpusThatIsSaid) {
  const auto without = [&](const std::string& module) {
    return run_program({STEPCAST_BINARY, "profile", "--device", "cuda", "-o", file()},
                       {.environment = {"STEPCAST_CUDA_MODULE=" + module}});
  };
  expect_refused(without("/nowhere/libstepcast_cuda.so"), "no part for GPUs");
  expect_refused(without(kScenario), "can't be loaded");
  expect_refused(without("libm.so.6"), "no part for GPUs");
}

TEST_F(ProfileOnGpu, OutOfMemoryInTheSweepRefusesThoseKernelsAlone) {
  const ProgramRun ran = profile("out of memory");
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue result = document(ran.out);
  ASSERT_FALSE(result.member("refused")->elements().empty());
  EXPECT_EQ(result.member("refused")->elements()[0].member("reason")->as_string(),
            "CUDA: out of memory");
  EXPECT_GT(*result.member("kernels")->as_number(), 10);
}

TEST_F(ProfileOnGpu, AGpuThatBreaksDownLeavesASoundProfileOfWhatWasTimed) {
  const ProgramRun ran = profile("breaks down");
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("an illegal memory access was encountered; "), std::string::npos)
      << ran.err;
  EXPECT_EQ(run_program({STEPCAST_BINARY, "check", file()}).exit_code, 0);
  const ProgramRun again = profile();
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_GT(*document(again.out).member("kept")->as_number(), 0);
}

TEST_F(ProfileOnGpu, OverlapPrintsRatesAndWritesAStackThatIsSound) {
  const std::string stack = file();
  const ProgramRun ran = run({"--overlap", "--stack", "megatron-lm", "--channels", "16", "--rounds",
                              "2", "-o", stack, "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  // The simulated reduction takes 16 of 100 SMs, and 0.96 of 4 TB/s; 16 % of 108 SMs are 17.3.
  // A message takes 4 of 100.
  const JsonValue result = document(ran.out);
  EXPECT_NEAR(*result.member("collective_sms")->as_number(), 17.3, 0.5);
  EXPECT_NEAR(*result.member("collective_memory_share")->as_number(), 0.24, 0.01);
  EXPECT_NEAR(*result.member("p2p_sms")->as_number(), 4.3, 0.3);
  EXPECT_EQ(run_program({STEPCAST_BINARY, "check", stack}).exit_code, 0);
  const JsonValue written = *read_json_file(stack).root().member("costs");
  EXPECT_EQ(written.member("collective_sms")->as_number(),
            result.member("collective_sms")->as_number());
}

TEST_F(ProfileOnGpu, OptionsThatWouldChangeNothingAreRefused) {
  const std::vector<std::vector<std::string>> wrong = {
      {"--device", "cpu", "--gpu", "0"}, {"--device", "cpu", "--overlap"},
      {"--stack", "megatron-lm"},        {"--channels", "8"},
      {"--p2p-channels", "8"},           {"--overlap", "--for", kScenario},
      {"--overlap", "-o", file()},       {"--device", "gpu"}};
  for (const std::vector<std::string>& arguments : wrong) {
    EXPECT_EQ(run(arguments).exit_code, 2) << arguments.front();
    EXPECT_FALSE(left_something());
  }
}

}  // namespace
}  // namespace stepcast
