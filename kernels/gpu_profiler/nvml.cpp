// Signatures and numbers are those of NVIDIA's NVML API Reference Guide. Only functions that read
// are looked up.
#include "kernels/gpu_profiler/nvml.h"

#include <dlfcn.h>

#include <array>
#include <initializer_list>

namespace stepcast {
namespace {

using Status = int;
using Handle = struct NvmlDevice*;
constexpr Status kSuccess = 0, kInsufficientSize = 7;
constexpr int kSmClock = 1;                          // NVML_CLOCK_SM
constexpr int kGpuTemperature = 0;                   // NVML_TEMPERATURE_GPU
constexpr int kSlowdownTemperature = 1;              // NVML_TEMPERATURE_THRESHOLD_SLOWDOWN
constexpr unsigned long long kNotAvailable = ~0ull;  // NVML_VALUE_NOT_AVAILABLE

/// nvmlClocksThrottleReason*, called nvmlClocksEventReason* since driver 535.
enum Reason : unsigned long long {
  kApplicationClocks = 0x2,
  kSoftwarePowerCap = 0x4,
  kHardwareSlowdown = 0x8,  // heat or power supply; the bits below say which, where they are there
  kSoftwareThermal = 0x20,
  kHardwareThermal = 0x40,
  kPowerBrake = 0x80,
};

/// nvmlProcessInfo_t of the _v2 and _v3 functions.
struct ProcessInfo {
  unsigned pid;
  unsigned long long used_bytes;
  unsigned gpu_instance, compute_instance;
};

ClockLimits limits_of(unsigned long long reasons) {
  const bool unnamed =
      (reasons & kHardwareSlowdown) != 0 && (reasons & (kHardwareThermal | kPowerBrake)) == 0;
  return {.power = (reasons & kSoftwarePowerCap) != 0,
          .heat = unnamed || (reasons & (kSoftwareThermal | kHardwareThermal)) != 0,
          .power_supply = (reasons & kPowerBrake) != 0,
          .user = (reasons & kApplicationClocks) != 0};
}

/// The shared library, and what it lacks.
class Library {
 public:
  explicit Library(const std::string& name) : handle_(dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ == nullptr) missing_.emplace_back(dlerror());
  }
  ~Library() {
    if (handle_ != nullptr) dlclose(handle_);
  }
  Library(const Library&) = delete;

  explicit operator bool() const { return handle_ != nullptr; }

  /// The first of the names that is there; null when none is.
  template <typename Function>
  Function* find(std::initializer_list<const char*> names) {
    for (const char* name : names)
      if (void* const found = dlsym(handle_, name)) return reinterpret_cast<Function*>(found);
    missing_.push_back(std::string("the driver's NVML has no ") + *names.begin());
    return nullptr;
  }

  std::vector<std::string>& missing() { return missing_; }
  const std::vector<std::string>& missing() const { return missing_; }

 private:
  void* handle_;
  std::vector<std::string> missing_;
};

class Nvml final : public GpuSensors {
 public:
  Nvml(const std::string& bus_id, const std::string& library) : library_(library) {
    if (!library_) return;
    auto* const init = library_.find<Status()>({"nvmlInit_v2"});
    auto* const find =
        library_.find<Status(const char*, Handle*)>({"nvmlDeviceGetHandleByPciBusId_v2"});
    shutdown_ = library_.find<Status()>({"nvmlShutdown"});
    error_text_ = library_.find<const char*(Status)>({"nvmlErrorString"});
    if (init == nullptr || find == nullptr) return;
    if (!ok(init(), "nvmlInit_v2")) return;
    initialised_ = true;
    if (!ok(find(bus_id.c_str(), &device_), "GPU " + bus_id)) {
      device_ = nullptr;
      return;
    }
    driver_ = library_.find<Status(char*, unsigned)>({"nvmlSystemGetDriverVersion"});
    clock_ = library_.find<Status(Handle, int, unsigned*)>({"nvmlDeviceGetClockInfo"});
    highest_clock_ = library_.find<Status(Handle, int, unsigned*)>({"nvmlDeviceGetMaxClockInfo"});
    power_ = library_.find<Status(Handle, unsigned*)>({"nvmlDeviceGetPowerUsage"});
    power_limit_ = library_.find<Status(Handle, unsigned*)>({"nvmlDeviceGetEnforcedPowerLimit"});
    temperature_ = library_.find<Status(Handle, int, unsigned*)>({"nvmlDeviceGetTemperature"});
    slowdown_ =
        library_.find<Status(Handle, int, unsigned*)>({"nvmlDeviceGetTemperatureThreshold"});
    reasons_ = library_.find<Status(Handle, unsigned long long*)>(
        {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"});
    processes_ = library_.find<Status(Handle, unsigned*, ProcessInfo*)>(
        {"nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2"});
  }

  ~Nvml() override {
    if (initialised_ && shutdown_ != nullptr) shutdown_();
  }

  SensorReadings state() const override {
    SensorReadings state;
    if (device_ == nullptr) return state;
    constexpr double kMilli = 1e-3;
    state.sm_clock_mhz = read(clock_, kSmClock);
    state.highest_sm_clock_mhz = read(highest_clock_, kSmClock);
    state.temperature_c = read(temperature_, kGpuTemperature);
    state.slowdown_temperature_c = read(slowdown_, kSlowdownTemperature);
    unsigned value = 0;
    if (power_ != nullptr && power_(device_, &value) == kSuccess) state.power_w = kMilli * value;
    if (power_limit_ != nullptr && power_limit_(device_, &value) == kSuccess)
      state.power_limit_w = kMilli * value;
    unsigned long long reasons = 0;
    if (reasons_ != nullptr && reasons_(device_, &reasons) == kSuccess)
      state.limits = limits_of(reasons);
    return state;
  }

  std::optional<std::vector<GpuProcess>> processes() const override {
    if (device_ == nullptr || processes_ == nullptr) return std::nullopt;
    std::vector<ProcessInfo> found(32);
    auto count = static_cast<unsigned>(found.size());
    Status status = processes_(device_, &count, found.data());
    if (status == kInsufficientSize) {
      found.resize(2 * count + 8);  // more may come in between
      count = static_cast<unsigned>(found.size());
      status = processes_(device_, &count, found.data());
    }
    if (status != kSuccess) return std::nullopt;
    std::vector<GpuProcess> processes;
    for (unsigned i = 0; i < count; ++i) {
      GpuProcess& process = processes.emplace_back(GpuProcess{.pid = found[i].pid});
      if (found[i].used_bytes != kNotAvailable)
        process.bytes = static_cast<std::int64_t>(found[i].used_bytes);
    }
    return processes;
  }

  std::string driver_version() const override {
    std::array<char, 96> text{};
    if (device_ == nullptr || driver_ == nullptr ||
        driver_(text.data(), static_cast<unsigned>(text.size())) != kSuccess)
      return "";
    return text.data();
  }

  std::vector<std::string> missing() const override { return library_.missing(); }

 private:
  using ReadOne = Status(Handle, int, unsigned*);

  std::optional<double> read(ReadOne* function, int what) const {
    unsigned value = 0;
    if (function == nullptr || function(device_, what, &value) != kSuccess) return std::nullopt;
    return value;
  }

  bool ok(Status status, const std::string& what) {
    if (status == kSuccess) return true;
    const char* const text = error_text_ != nullptr ? error_text_(status) : nullptr;
    library_.missing().push_back("NVML, " + what + ": " +
                                 (text != nullptr ? text : "error " + std::to_string(status)));
    return false;
  }

  Library library_;
  bool initialised_ = false;
  Handle device_ = nullptr;
  Status (*shutdown_)() = nullptr;
  const char* (*error_text_)(Status) = nullptr;
  ReadOne *clock_ = nullptr, *highest_clock_ = nullptr, *temperature_ = nullptr,
          *slowdown_ = nullptr;
  Status (*driver_)(char*, unsigned) = nullptr;
  Status (*power_)(Handle, unsigned*) = nullptr;
  Status (*power_limit_)(Handle, unsigned*) = nullptr;
  Status (*reasons_)(Handle, unsigned long long*) = nullptr;
  Status (*processes_)(Handle, unsigned*, ProcessInfo*) = nullptr;
};

}  // namespace

std::unique_ptr<GpuSensors> open_nvml(const std::string& bus_id, const std::string& library) {
  return std::make_unique<Nvml>(bus_id, library);
}

}  // namespace stepcast
