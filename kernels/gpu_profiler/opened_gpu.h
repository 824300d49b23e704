// A GPU of this machine with all that measuring it takes, checked and opened.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "kernels/gpu_profiler/gpu_device.h"
#include "kernels/gpu_profiler/gpu_stopwatch.h"
#include "kernels/gpu_profiler/gpu_watch.h"
#include "kernels/gpu_profiler/profiler_module.h"

namespace stepcast {

class OpenedGpu {
 public:
  /// GPU `number`. Throws Error(kUnsupported) when it is not there, is in use, or is hot.
  OpenedGpu(const ProfilerModule& module, int number);

  GpuDevice& device() { return *device_; }
  GpuWatch& watch() { return *watch_; }
  const HostTime& time() const { return time_; }
  /// What is not known of it, for the user: without NVML its clock, its heat and who else uses it.
  std::vector<std::string> unknown() const { return sensors_->missing(); }
  /// For DeviceProfile::provenance: machine, SMs, driver and library versions.
  std::vector<std::pair<std::string, std::string>> facts() const;

 private:
  SystemClock clock_;
  HostTime time_ = HostTime::real(clock_);
  std::unique_ptr<GpuSensors> sensors_;
  std::unique_ptr<GpuDevice> device_;
  std::optional<GpuWatch> watch_;
};

}  // namespace stepcast
