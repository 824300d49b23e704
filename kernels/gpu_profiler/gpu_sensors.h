// What a GPU says of itself while it works: clocks, power, heat, and who else uses it. Read only:
// nothing of the GPU is ever set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stepcast {

/// Why a GPU runs below its highest clock.
struct ClockLimits {
  bool power = false;         ///< its own power limit: as it should be under load
  bool heat = false;          ///< too hot
  bool power_supply = false;  ///< the machine asks it to draw less
  bool user = false;          ///< somebody has set application or locked clocks
  bool operator==(const ClockLimits&) const = default;
};

/// What is not known is left out.
struct SensorReadings {
  std::optional<double> sm_clock_mhz{}, highest_sm_clock_mhz{};
  std::optional<double> power_w{}, power_limit_w{};
  std::optional<double> temperature_c{}, slowdown_temperature_c{};
  std::optional<ClockLimits> limits{};
};

struct GpuProcess {
  std::uint32_t pid = 0;
  std::optional<std::int64_t> bytes{};  ///< of GPU memory
};

class GpuSensors {
 public:
  virtual ~GpuSensors() = default;
  virtual SensorReadings state() const = 0;
  /// With a compute context on the GPU, this process among them. Nothing when it can't be known.
  virtual std::optional<std::vector<GpuProcess>> processes() const = 0;
  /// "580.65.06"; empty when it can't be read.
  virtual std::string driver_version() const = 0;
  /// What can't be read, and why: lines for the user.
  virtual std::vector<std::string> missing() const = 0;
};

}  // namespace stepcast
