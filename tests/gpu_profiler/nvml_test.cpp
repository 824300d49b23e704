#include "kernels/gpu_profiler/nvml.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace stepcast {
namespace {

constexpr const char* kFull = STEPCAST_FAKE_NVML_FULL;
constexpr const char* kOld = STEPCAST_FAKE_NVML_OLD;
constexpr const char* kGpu = "00000000:18:00.0";

/// A variable that the fake library reads, until the end of the test.
class Says {
 public:
  Says(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Says() { ::unsetenv(name_); }
  Says(const Says&) = delete;

 private:
  const char* name_;
};

bool mentions(const std::vector<std::string>& lines, const std::string& what) {
  for (const std::string& line : lines)
    if (line.find(what) != std::string::npos) return true;
  return false;
}

TEST(Nvml, ReadsClocksPowerAndTemperature) {
  const auto sensors = open_nvml(kGpu, kFull);
  const SensorReadings state = sensors->state();
  EXPECT_EQ(state.sm_clock_mhz, 1755);
  EXPECT_EQ(state.highest_sm_clock_mhz, 1980);
  EXPECT_NEAR(state.power_w.value(), 512.3, 1e-9);
  EXPECT_NEAR(state.power_limit_w.value(), 700, 1e-9);
  EXPECT_EQ(state.temperature_c, 45);
  EXPECT_EQ(state.slowdown_temperature_c, 92);
  EXPECT_EQ(state.limits, ClockLimits{});
  EXPECT_EQ(sensors->driver_version(), "580.65.06");
  EXPECT_TRUE(sensors->missing().empty());
}

// Bits of nvmlClocksThrottleReasons in NVML's reference.
TEST(Nvml, TellsWhyClocksAreLow) {
  const auto sensors = open_nvml(kGpu, kFull);
  const auto limits = [&](const char* reasons) {
    const Says says("FAKE_NVML_REASONS", reasons);
    return sensors->state().limits.value();
  };
  EXPECT_EQ(limits("0x1"), ClockLimits{});  // idle
  EXPECT_EQ(limits("0x2"), ClockLimits{.user = true});
  EXPECT_EQ(limits("0x4"), ClockLimits{.power = true});
  EXPECT_EQ(limits("0x20"), ClockLimits{.heat = true});
  EXPECT_EQ(limits("0x40"), ClockLimits{.heat = true});
  EXPECT_EQ(limits("0x48"), ClockLimits{.heat = true});
  EXPECT_EQ(limits("0x88"), ClockLimits{.power_supply = true});
  EXPECT_EQ(limits("0x8"), ClockLimits{.heat = true});  // by hardware, not said why: not ours
}

TEST(Nvml, ListsProcessesHoweverManyThereAre) {
  const auto sensors = open_nvml(kGpu, kFull);
  EXPECT_EQ(sensors->processes().value().size(), 0u);
  const Says says("FAKE_NVML_PROCESSES", "100");
  const std::vector<GpuProcess> processes = sensors->processes().value();
  ASSERT_EQ(processes.size(), 100u);
  EXPECT_EQ(processes[0].pid, 1000u);
  EXPECT_EQ(processes[0].bytes, 30'000'000'000);
  EXPECT_EQ(processes[99].pid, 1099u);
  EXPECT_FALSE(processes[99].bytes.has_value());
}

TEST(Nvml, WhatAnOldDriverLacksIsLeftOutAndSaid) {
  const auto sensors = open_nvml(kGpu, kOld);
  const Says says("FAKE_NVML_REASONS", "0x40");
  const SensorReadings state = sensors->state();
  EXPECT_EQ(state.sm_clock_mhz, 1755);
  EXPECT_TRUE(state.limits.value().heat);  // under its older name
  EXPECT_FALSE(state.power_w.has_value());
  EXPECT_FALSE(state.slowdown_temperature_c.has_value());
  EXPECT_FALSE(sensors->processes().has_value());
  EXPECT_TRUE(mentions(sensors->missing(), "nvmlDeviceGetPowerUsage"));
  EXPECT_TRUE(mentions(sensors->missing(), "nvmlDeviceGetComputeRunningProcesses_v3"));
  EXPECT_FALSE(mentions(sensors->missing(), "nvmlDeviceGetCurrentClocks"));
}

TEST(Nvml, WhatAGpuDoesNotReportIsNotKnown) {
  const auto sensors = open_nvml(kGpu, kFull);
  const Says says("FAKE_NVML_POWER_STATUS", "3");
  EXPECT_FALSE(sensors->state().power_w.has_value());
  EXPECT_TRUE(sensors->state().sm_clock_mhz.has_value());
}

TEST(Nvml, ADriverThatIsNotLoadedIsSaidInItsWords) {
  const Says says("FAKE_NVML_INIT", "9");
  const auto sensors = open_nvml(kGpu, kFull);
  EXPECT_TRUE(mentions(sensors->missing(), "Driver Not Loaded"));
  EXPECT_FALSE(sensors->state().sm_clock_mhz.has_value());
  EXPECT_FALSE(sensors->processes().has_value());
}

TEST(Nvml, AGpuThatItDoesNotKnowIsNamed) {
  const auto sensors = open_nvml("00000000:99:00.0", kFull);
  EXPECT_TRUE(mentions(sensors->missing(), "00000000:99:00.0: Not Found"));
  EXPECT_FALSE(sensors->state().sm_clock_mhz.has_value());
}

TEST(Nvml, WithoutTheLibraryNothingIsKnownAndItsNameIsSaid) {
  const auto sensors = open_nvml(kGpu, "libno-such-nvml.so");
  EXPECT_TRUE(mentions(sensors->missing(), "libno-such-nvml.so"));
  EXPECT_FALSE(sensors->state().temperature_c.has_value());
}

TEST(Nvml, ALibraryOfAnotherKindIsToldFromIt) {
  const auto sensors = open_nvml(kGpu, "libm.so.6");
  EXPECT_TRUE(mentions(sensors->missing(), "nvmlInit_v2"));
  EXPECT_FALSE(sensors->state().temperature_c.has_value());
}

TEST(Nvml, IsShutDownAsOftenAsItIsStarted) {
  void* const library = dlopen(kFull, RTLD_NOW);
  ASSERT_NE(library, nullptr) << dlerror();
  auto* const started = reinterpret_cast<int (*)()>(dlsym(library, "fake_nvml_started"));
  EXPECT_EQ(started(), 0);
  {
    const auto sensors = open_nvml(kGpu, kFull);
    EXPECT_EQ(started(), 1);
  }
  EXPECT_EQ(started(), 0);
  dlclose(library);
}

}  // namespace
}  // namespace stepcast
