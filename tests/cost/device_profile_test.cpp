#include "sim/cost/device_profile.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace stepcast {
namespace {
namespace fs = std::filesystem;

struct Outcome {
  DeviceProfile profile;
  std::string problems;  ///< one per line
  std::size_t count = 0;
};

Outcome read(const std::string& json) {
  Problems problems;
  Outcome outcome;
  outcome.profile = read_device_profile(parse_json(json, "p.json").root(), problems);
  for (const Problem& problem : problems.all()) outcome.problems += problem.text() + "\n";
  outcome.count = problems.all().size();
  return outcome;
}

void expect_problem(const std::string& json, const std::string& text) {
  const Outcome outcome = read(json);
  EXPECT_EQ(outcome.count, 1u) << outcome.problems;
  EXPECT_NE(outcome.problems.find(text), std::string::npos) << outcome.problems;
}

std::string with_attention(const std::string& attention) {
  return R"({"name": "p", "device": "d", "condition": "burst", "gemm": {},
             "memory": {"efficiency": 0.8}, "attention": {"fp16": )" +
         attention + "}}";
}

TEST(DeviceProfile, ReadsEveryField) {
  const Outcome outcome = read(R"({
    "name": "p", "device": "d", "also_for": ["e"], "condition": "sustained",
    "gemm": {"bf16": {"efficiency": 0.7, "memory_efficiency": 0.8, "m0": 1, "n0": 2, "k0": 3,
                      "overhead": "4 us", "dgrad_efficiency": 0.9, "wgrad_efficiency": 0.95,
                      "grade": "fitted", "relative_sigma": 0.06, "source": "s"}},
    "attention": {"fp16": {"implementation": "FA2", "head_dims": [64, 128], "efficiency": [0.3, 0.4],
                           "s0": 5, "causal_s0_factor": 3, "backward_over_forward": 2.6,
                           "overhead": "6 us", "grade": "measured", "relative_sigma": 0.05}},
    "memory": {"efficiency": 0.75, "overhead": "2 us", "grade": "transferred", "relative_sigma": 0.3,
               "kernels": {"layer_norm_forward": {"efficiency": 0.6, "source": "s"}}}})");
  ASSERT_EQ(outcome.problems, "");
  const DeviceProfile& profile = outcome.profile;
  const auto& gemm = profile.gemm[static_cast<std::size_t>(Dtype::kBf16)];
  ASSERT_TRUE(gemm);
  EXPECT_EQ(gemm->n0, 2);
  EXPECT_EQ(gemm->overhead, Seconds(4e-6));
  EXPECT_EQ(gemm->grade, Grade::kFitted);
  EXPECT_FALSE(profile.gemm[static_cast<std::size_t>(Dtype::kFp32)]);
  const auto& attention = profile.attention[static_cast<std::size_t>(Dtype::kFp16)];
  ASSERT_EQ(attention.size(), 1u);
  EXPECT_EQ(attention[0].implementation, "FA2");
  EXPECT_EQ(attention[0].head_dims, (std::vector<std::int64_t>{64, 128}));
  EXPECT_EQ(attention[0].backward_over_forward, 2.6);
  ASSERT_EQ(profile.memory_kernels.size(), 1u);
  EXPECT_EQ(profile.memory_kernels[0].kind, KernelKind::kLayerNormForward);
  EXPECT_EQ(profile.memory_relative_sigma, 0.3);
  EXPECT_TRUE(serves(profile, "d"));
  EXPECT_TRUE(serves(profile, "e"));
  EXPECT_FALSE(serves(profile, "f"));
}

TEST(DeviceProfile, WhatIsWrittenIsReadAgain) {
  DeviceProfile profile = read(R"({
    "name": "p", "device": "d", "condition": "sustained", "kernel_library": "stepcast",
    "gemm": {"fp32": {"efficiency": 0.7, "memory_efficiency": 0.8, "k0": 3, "overhead": "4 us"},
             "bf16": {"efficiency": 0.7, "memory_efficiency": 0.8, "wave_hardness": 0.4,
                      "tile0": 12, "burst_gain": 0.1, "burst_time": "2 ms"}},
    "attention": {"fp32": {"head_dims": [64, 128], "efficiency": [0.3, 0.4], "s0": 5}},
    "memory": {"efficiency": 0.75, "kernels": {
       "copy": {"efficiency": 0.6},
       "adam": {"sizes": ["1 KiB", "1 MiB"], "times": ["1 us", "50 us"]}}},
    "points": [{"kernel": "copy", "dtype": "fp32", "dims": [8], "time": "1 us"}],
    "provenance": {"cpu": "two cores", "date": "2026-11-24"}})")
                              .profile;
  JsonWriter first;
  write_device_profile(first, profile, "a test");
  const Outcome again = read(first.text());
  EXPECT_EQ(again.problems, "");
  JsonWriter second;
  write_device_profile(second, again.profile, "a test");
  EXPECT_EQ(first.text(), second.text());
  EXPECT_EQ(again.profile.kernel_library, "stepcast");
  const GemmModel& in_waves = *again.profile.gemm[static_cast<std::size_t>(Dtype::kBf16)];
  EXPECT_EQ(in_waves.waves->hardness, 0.4);
  EXPECT_EQ(in_waves.waves->tile0, 12);
  EXPECT_EQ(in_waves.burst_time, Seconds(2e-3));
  ASSERT_EQ(again.profile.memory_kernels.size(), 2u);
  EXPECT_EQ(again.profile.memory_kernels[1].times[1], Seconds(50e-6));
  EXPECT_EQ(again.profile.points.all().size(), 1u);
  EXPECT_EQ(again.profile.provenance[1].second, "2026-11-24");
}

TEST(DeviceProfile, TimesBySizeAscendAndArePaired) {
  const auto with_copy = [](const std::string& model) {
    return R"({"name": "p", "device": "d", "condition": "burst", "gemm": {},
               "memory": {"efficiency": 0.8, "kernels": {"copy": )" +
           model + "}}}";
  };
  expect_problem(with_copy(R"({"sizes": ["2 KiB", "1 KiB"], "times": ["1 us"]})"), "ascending");
  expect_problem(with_copy(R"({"sizes": ["1 KiB", "2 KiB"], "times": ["1 us"]})"),
                 "one time for each of the 2 sizes");
  expect_problem(with_copy(R"({"sizes": [], "times": []})"), "one time for each");
}

// Beyond the overhead times grow with the size; with none beyond it, they would not.
TEST(DeviceProfile, TheOverheadIsLessThanTheTimesOfAKernel) {
  expect_problem(R"({"name": "p", "device": "d", "condition": "burst", "gemm": {},
                     "memory": {"efficiency": 0.8, "overhead": "9 us", "kernels": {
                       "copy": {"sizes": ["1 KiB", "2 KiB"], "times": ["1 us", "9 us"]}}}})",
                 "must be less than the longest of the times of \"copy\"");
}

TEST(DeviceProfile, AttentionOfSeveralImplementationsIsAList) {
  const std::string both = with_attention(
      R"([{"implementation": "FA2", "head_dims": [64], "efficiency": [0.3]},
          {"implementation": "FA3", "head_dims": [64], "efficiency": [0.6]}])");
  const Outcome outcome = read(both);
  ASSERT_EQ(outcome.problems, "");
  const DeviceProfile& profile = outcome.profile;
  EXPECT_EQ(find_attention(profile, Dtype::kFp16, "")->implementation, "FA2");
  EXPECT_EQ(find_attention(profile, Dtype::kFp16, "FA3")->efficiency[0], 0.6);
  EXPECT_EQ(find_attention(profile, Dtype::kFp16, "cuDNN"), nullptr);
  EXPECT_EQ(find_attention(profile, Dtype::kBf16, ""), nullptr);
  JsonWriter json;
  write_device_profile(json, profile, "a test");
  EXPECT_EQ(find_attention(read(json.text()).profile, Dtype::kFp16, "FA3")->efficiency[0], 0.6);
}

TEST(DeviceProfile, AnImplementationOfAttentionStandsOnce) {
  const std::string fa2 = R"({"implementation": "FA2", "head_dims": [64], "efficiency": [0.3]})";
  expect_problem(with_attention("[" + fa2 + ", " + fa2 + "]"), "two models of implementation");
  expect_problem(with_attention("[]"), "has no model");
}

TEST(DeviceProfile, HeadDimensionsMustAscendSinceRatesAreInterpolated) {
  expect_problem(with_attention(R"({"head_dims": [128, 64], "efficiency": [0.3, 0.4]})"),
                 "ascending");
  expect_problem(with_attention(R"({"head_dims": [64, 64], "efficiency": [0.3, 0.4]})"),
                 "ascending");
  expect_problem(with_attention(R"({"head_dims": [0, 64], "efficiency": [0.3, 0.4]})"), "positive");
  expect_problem(with_attention(R"({"head_dims": 64, "efficiency": []})"), "must be a list");
}

TEST(DeviceProfile, EveryHeadDimensionHasItsRate) {
  expect_problem(with_attention(R"({"head_dims": [64, 128], "efficiency": [0.3]})"),
                 "one fraction for each of the 2 head_dims, not 1");
  expect_problem(with_attention(R"({"head_dims": [64], "efficiency": [1.3]})"),
                 "fractions of peak");
  expect_problem(with_attention(R"({"head_dims": [64], "efficiency": ["0.3"]})"),
                 "fractions of peak");
}

TEST(DeviceProfile, UnknownDtypesAndKernelsAreReportedWithASuggestion) {
  expect_problem(
      R"({"name": "p", "device": "d", "condition": "burst", "memory": {"efficiency": 0.8},
                     "gemm": {"bf61": {"efficiency": 0.5, "memory_efficiency": 0.5}}})",
      "gemm.bf61: unknown key, did you mean \"bf16\"?");
  expect_problem(R"({"name": "p", "device": "d", "condition": "burst", "gemm": {},
                     "memory": {"efficiency": 0.8, "kernels": {"gelu": {"efficiency": 0.5}}}})",
                 "memory.kernels.gelu: unknown key");
}

TEST(DeviceProfile, PartsOfTheWrongTypeAreReported) {
  const Outcome outcome = read(R"({"name": "p", "device": "d", "condition": "burst",
      "also_for": "e", "gemm": 5, "attention": [], "memory": {"efficiency": 0.8, "kernels": 1}})");
  EXPECT_EQ(outcome.count, 4u) << outcome.problems;
}

TEST(DeviceProfile, EveryShippedOneLoads) {
  int profiles = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(STEPCAST_SOURCE_DIR) / "topologies" / "calibrations")) {
    if (entry.path().extension() != ".json") continue;
    Problems problems;
    const DeviceProfile profile =
        read_device_profile(read_json_file(entry.path().string()).root(), problems);
    for (const Problem& problem : problems.all()) ADD_FAILURE() << problem.text();
    EXPECT_EQ(profile.name, entry.path().stem().string());
    ++profiles;
  }
  EXPECT_GE(profiles, 7);
}

TEST(DeviceProfile, EveryDeviceThatAShippedOneNamesExists) {
  const fs::path topologies = fs::path(STEPCAST_SOURCE_DIR) / "topologies";
  for (const auto& entry : fs::directory_iterator(topologies / "calibrations")) {
    if (entry.path().extension() != ".json") continue;
    Problems problems;
    const DeviceProfile profile =
        read_device_profile(read_json_file(entry.path().string()).root(), problems);
    std::vector<std::string> devices = profile.also_for;
    devices.push_back(profile.device);
    for (const std::string& device : devices)
      EXPECT_TRUE(fs::exists(topologies / "devices" / (device + ".json")))
          << profile.name << " names " << device;
  }
}

}  // namespace
}  // namespace stepcast
