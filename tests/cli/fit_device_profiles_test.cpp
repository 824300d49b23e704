// tools/fit_device_profiles.py fits shipped profiles with formulas of its own, in NumPy: they must
// be those of the cost model.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "sim/cost/cost_model.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {

/// A Python that has what the script needs.
std::optional<std::string> python() {
  for (const char* path : {"/usr/bin/python3", "/usr/local/bin/python3", "/bin/python3"})
    if (run_program({path, "-c", "import numpy, scipy"}).exit_code == 0) return path;
  return std::nullopt;
}

Device device() {
  Device device;
  device.name = "gpu";
  device.peak_bf16 = FlopsPerSec(300e12);
  device.memory_bandwidth = BytesPerSec(2e12);
  device.num_sms = 108;
  return device;
}

/// As the script's tuple (efficiency, memory_efficiency, overhead, k0, tile0, hardness, burst_gain,
/// burst_time), with times in microseconds.
constexpr char kParameters[] = "(0.8, 0.85, 4, 60, 40, 0.7, 0.2, 1500)";
GemmModel model() {
  return {.efficiency = 0.8,
          .memory_efficiency = 0.85,
          .k0 = 60,
          .waves = TileWaves{.hardness = 0.7, .tile0 = 40},
          .burst_gain = 0.2,
          .burst_time = Seconds(1500e-6),
          .overhead = Seconds(4e-6)};
}

double seconds(const Kernel& kernel, Condition condition) {
  DeviceProfile profile;
  profile.device = "gpu";
  profile.gemm[static_cast<std::size_t>(Dtype::kBf16)] = model();
  return CostModel(device(), profile, ideal_network_profile(), StackProfile{}, condition)
      .kernel(kernel)
      .time.value();
}

TEST(FitDeviceProfiles, ProductsTakeWhatTheCostModelSays) {
  const std::optional<std::string> with_numpy = python();
  if (!with_numpy) GTEST_SKIP() << "no Python with NumPy and SciPy (python3-numpy, python3-scipy)";
  // Few tiles and many, sides that fill no tile, products that stream their operands.
  const std::vector<std::array<std::int64_t, 3>> shapes = {
      {4096, 4096, 4096}, {257, 1025, 513}, {64, 8192, 8192}, {16384, 128, 64}, {1, 1, 1}};
  std::string script = "import sys; sys.path.insert(0, '" STEPCAST_SOURCE_DIR
                       "/tools'); import numpy as np, fit_device_profiles as f\n";
  for (const auto& [m, n, k] : shapes)
    for (const char* settled : {"1.", "0."}) {
      char line[200];
      std::snprintf(line, sizeof line,
                    "print(float(f.gemm_time(%s, %ld., %ld., %ld., np.array(%s), 300e12, 2e12, 2, "
                    "108)))\n",
                    kParameters, m, n, k, settled);
      script += line;
    }
  const ProgramRun ran = run_program({*with_numpy, "-B", "-c", script});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  std::istringstream printed(ran.out);
  for (const auto& [m, n, k] : shapes)
    for (const Condition condition : {Condition::kTraining, Condition::kShortBenchmark}) {
      double theirs = 0;
      ASSERT_TRUE(printed >> theirs) << ran.out;
      const double ours = seconds(
          {.kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {m, n, k}}, condition);
      EXPECT_NEAR(theirs, ours, 1e-12 * ours) << m << " x " << n << " x " << k;
    }
}

}  // namespace
}  // namespace stepcast
