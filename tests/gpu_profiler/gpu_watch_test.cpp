#include "kernels/gpu_profiler/gpu_watch.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "tests/gpu_profiler/simulated_gpu.h"

namespace stepcast {
namespace {

std::string refusal(const GpuSensors& sensors) {
  try {
    require_undisturbed(sensors, "GPU 0 (NVIDIA H200)");
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    return error.what();
  }
}

bool has(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

TEST(GpuWatch, AQuietGpuIsTaken) {
  SimulatedSensors sensors;
  sensors.now = {.temperature_c = 40, .slowdown_temperature_c = 92, .limits = ClockLimits{}};
  EXPECT_EQ(refusal(sensors), "");
}

TEST(GpuWatch, PowerLimitAndUsersClocksAreNoReasonToRefuse) {
  SimulatedSensors sensors;
  sensors.now.limits = ClockLimits{.power = true, .user = true};
  EXPECT_EQ(refusal(sensors), "");
}

TEST(GpuWatch, WhereNothingIsKnownNothingIsRefused) {
  SimulatedSensors sensors;
  sensors.knows_processes = false;
  EXPECT_EQ(refusal(sensors), "");
}

TEST(GpuWatch, AHotOrSlowedGpuIsRefusedWithItsTemperatures) {
  SimulatedSensors sensors;
  sensors.now = {.temperature_c = 93, .limits = ClockLimits{.heat = true}};
  EXPECT_TRUE(has(refusal(sensors), "GPU 0 (NVIDIA H200) is at 93 C and slowed down by heat"));
  sensors.now = {.temperature_c = 88, .slowdown_temperature_c = 92, .limits = ClockLimits{}};
  EXPECT_TRUE(has(refusal(sensors), "is at 88 C, and slows down at 92 C")) << refusal(sensors);
  sensors.now = {.limits = ClockLimits{.power_supply = true}};
  EXPECT_TRUE(has(refusal(sensors), "power brake"));
}

TEST(GpuWatch, AnotherProcessIsNamedWithItsMemory) {
  SimulatedSensors sensors;
  sensors.running = {{.pid = 4711, .bytes = 30'000'000'000}, {.pid = 4712}};
  const std::string text = refusal(sensors);
  EXPECT_TRUE(has(text, "pid 4711 with 30000 MB, and 1 more")) << text;
  EXPECT_TRUE(has(text, "CUDA_VISIBLE_DEVICES"));
}

TEST(GpuWatch, HeatAndPowerBrakesSpoilSamplesAndTheirPowerLimitDoesNot) {
  SimulatedSensors sensors;
  GpuWatch watch(sensors, {});
  sensors.now.limits = ClockLimits{.power = true};
  EXPECT_TRUE(watch.undisturbed(0));
  EXPECT_TRUE(watch.disturbances().empty());
  sensors.now = {.temperature_c = 91, .limits = ClockLimits{.heat = true}};
  EXPECT_FALSE(watch.undisturbed(1));
  sensors.now.limits = ClockLimits{.power_supply = true};
  EXPECT_FALSE(watch.undisturbed(2));
  ASSERT_EQ(watch.disturbances().size(), 2u);
  EXPECT_TRUE(has(watch.disturbances()[0], "1 samples met a GPU slowed down by heat (up to 91 C)"));
}

// This process came after `before` was asked; its id may be another one in a container.
TEST(GpuWatch, OwnProcessIsNoStrangerAndOneThatComesLaterIs) {
  SimulatedSensors sensors;
  sensors.running = {{.pid = 1}};
  GpuWatch watch(sensors, {});
  EXPECT_TRUE(watch.undisturbed(0));
  sensors.running.push_back({.pid = 99});
  EXPECT_TRUE(watch.undisturbed(0.5));  // asked once a second
  EXPECT_FALSE(watch.undisturbed(1.1));
  EXPECT_FALSE(watch.undisturbed(1.2));
  EXPECT_TRUE(has(watch.disturbances().at(0), "pid 99"));
  sensors.running.pop_back();
  EXPECT_TRUE(watch.undisturbed(2.2));
}

TEST(GpuWatch, RemembersTheStateUnderLoad) {
  SimulatedSensors sensors;
  GpuWatch watch(sensors, {});
  for (const double clock : {1980.0, 1500.0, 1505.0, 1495.0, 1500.0}) {
    sensors.now = {.sm_clock_mhz = clock,
                   .highest_sm_clock_mhz = 1980,
                   .power_w = 699.6,
                   .power_limit_w = 700,
                   .temperature_c = 60};
    watch.undisturbed(0);
  }
  const auto facts = watch.facts();
  const auto of = [&](const std::string& key) {
    for (const auto& [name, text] : facts)
      if (name == key) return text;
    return std::string("none");
  };
  EXPECT_EQ(of("sm_clock"), "1500 MHz");
  EXPECT_EQ(of("highest_sm_clock"), "1980 MHz");
  EXPECT_EQ(of("power"), "700 W");
  EXPECT_EQ(of("power_limit"), "700 W");
  EXPECT_EQ(of("highest_temperature"), "60 C");
  EXPECT_EQ(of("clocks"), "none");
}

}  // namespace
}  // namespace stepcast
