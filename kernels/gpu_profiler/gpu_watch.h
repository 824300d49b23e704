// Looks after a GPU while it is measured: whether heat or the machine's power supply slows it down,
// and whether somebody else computes on it. Figures taken then are not those of the GPU.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "kernels/gpu_profiler/gpu_sensors.h"

namespace stepcast {

/// Throws Error(kUnsupported) with what is wrong and a way out when the GPU is too hot, slowed
/// down, or has processes on it. `name` says which GPU: "GPU 0 (NVIDIA H200)". To be asked before
/// this process has a context there.
void require_undisturbed(const GpuSensors& sensors, const std::string& name);

class GpuWatch {
 public:
  /// `before`: the processes that were there before this one had a context; what came since then
  /// and is there now is this one. Under other process ids it may be, in containers.
  GpuWatch(const GpuSensors& sensors, const std::vector<GpuProcess>& before);

  /// To be called while the GPU works, at `now` seconds. False: what it does now does not count.
  bool undisturbed(double now);

  /// What disturbed the run so far, in lines for the user; none when nothing did.
  std::vector<std::string> disturbances() const;
  /// For DeviceProfile::provenance: the median SM clock and power under load, the highest
  /// temperature, the clock and power limits. Of what was observed since the last forget().
  std::vector<std::pair<std::string, std::string>> facts() const;
  void forget();

 private:
  bool others_compute(double now);

  const GpuSensors& sensors_;
  std::set<std::uint32_t> own_;
  double processes_asked_ = -1e9;  ///< seconds
  bool others_ = false;
  std::set<std::uint32_t> strangers_;
  std::size_t hot_ = 0, braked_ = 0, shared_ = 0;  ///< observations
  std::vector<double> clocks_mhz_, powers_w_;
  double highest_temperature_c_ = 0;
  SensorReadings last_;
};

}  // namespace stepcast
