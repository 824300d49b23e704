#include "kernels/gpu_profiler/gpu_matching.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "sim/base/error.h"
#include "sim/scenario/scenario.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

std::vector<Device> shipped_devices() {
  const Library library{.root = STEPCAST_SOURCE_DIR};
  std::vector<Device> devices;
  for (const auto& entry : fs::directory_iterator(STEPCAST_SOURCE_DIR "/topologies/devices"))
    if (entry.path().extension() == ".json")
      devices.push_back(load_device(entry.path().string(), library));
  return devices;
}

GpuFacts gpu(const std::string& name, int num_sms, std::int64_t mib) {
  GpuFacts facts;
  facts.name = name, facts.num_sms = num_sms, facts.memory_bytes = mib << 20;
  return facts;
}

// Names, SMs and memory as CUDA's deviceQuery prints them.
TEST(GpuMatching, KnowsShippedDevicesByWhatDriversCallThem) {
  const std::vector<Device> devices = shipped_devices();
  const auto name_of = [&](const std::string& name, int num_sms, std::int64_t mib) {
    return match_gpu(gpu(name, num_sms, mib), devices).name;
  };
  EXPECT_EQ(name_of("NVIDIA H200", 132, 143167), "H200-SXM-141GB");
  EXPECT_EQ(name_of("NVIDIA H100 80GB HBM3", 132, 81090), "H100-SXM-80GB");
  EXPECT_EQ(name_of("NVIDIA A100-SXM4-80GB", 108, 81154), "A100-SXM-80GB");
  EXPECT_EQ(name_of("NVIDIA A100-SXM4-40GB", 108, 40326), "A100-SXM-40GB");
  EXPECT_EQ(name_of("NVIDIA A100 80GB PCIe", 108, 81154), "A100-PCIe-80GB");
  EXPECT_EQ(name_of("Tesla V100-PCIE-32GB", 80, 32480), "V100-PCIe-32GB");
  EXPECT_EQ(name_of("NVIDIA B200", 148, 182632), "B200-SXM-180GB");
  EXPECT_EQ(name_of("NVIDIA GB200", 152, 188416), "GB200");
  EXPECT_EQ(name_of("NVIDIA L40S", 142, 45589), "L40S");
}

TEST(GpuMatching, WhatIsNotShippedIsRefusedWithItsFigures) {
  const std::vector<Device> devices = shipped_devices();
  const auto refusal = [&](const GpuFacts& facts) {
    try {
      return "taken for " + match_gpu(facts, devices).name;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
      return std::string(error.what());
    }
  };
  const std::string other = refusal(gpu("NVIDIA GeForce RTX 4090", 128, 24217));
  EXPECT_NE(other.find("\"NVIDIA GeForce RTX 4090\" with 128 SMs and 24217 MiB"),
            std::string::npos);
  EXPECT_NE(other.find("--as"), std::string::npos);
  // A part of an H100 (MIG), another model of the chip, and one whose name only begins alike.
  EXPECT_NE(refusal(gpu("NVIDIA H100 80GB HBM3", 60, 40000)).find("60 SMs"), std::string::npos);
  EXPECT_NE(refusal(gpu("NVIDIA A100-SXM4-80GB", 108, 60000)).find("60000"), std::string::npos);
  EXPECT_NE(refusal(gpu("NVIDIA L40", 142, 45589)).find("L40"), std::string::npos);
}

TEST(GpuMatching, ADeviceIsNotTakenForAnotherChip) {
  const Library library{.root = STEPCAST_SOURCE_DIR};
  const Device h100 = load_device("H100-SXM-80GB", library);
  EXPECT_TRUE(may_be(gpu("NVIDIA H100 80GB HBM3", 132, 81559), h100));
  EXPECT_FALSE(may_be(gpu("NVIDIA H200", 132, 143771), h100));
}

}  // namespace
}  // namespace stepcast
