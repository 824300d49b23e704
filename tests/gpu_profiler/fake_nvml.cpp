// A management library that says what a test has written to the environment, with NVML's names,
// signatures and codes. Built twice: as a present driver has it, and as an old one does, which
// lacks some functions and has others under older names.
#include <cstdlib>
#include <cstring>

namespace {

/// STEPCAST_FAKE_NVML_<what>, or what stands for it.
unsigned long long said(const char* name, unsigned long long otherwise) {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

int g_started = 0;
struct Device {
} g_device;

struct Process {
  unsigned pid;
  unsigned long long used_bytes;
  unsigned gpu_instance, compute_instance;
};

enum Status {
  kSuccess = 0,
  kInvalidArgument = 2,
  kNotSupported = 3,
  kNotFound = 6,
  kInsufficientSize = 7
};

}  // namespace

// NOLINTBEGIN(readability-identifier-naming): NVML's names
extern "C" {

int nvmlInit_v2() {
  ++g_started;
  return static_cast<int>(said("FAKE_NVML_INIT", kSuccess));
}
int nvmlShutdown() { return --g_started, kSuccess; }
/// How often it was started and not yet shut down.
int fake_nvml_started() { return g_started; }

const char* nvmlErrorString(int status) {
  if (status == 9) return "Driver Not Loaded";
  return status == kNotFound ? "Not Found" : "Unknown Error";
}

int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  std::strncpy(text, "580.65.06", length);
  return kSuccess;
}

int nvmlDeviceGetHandleByPciBusId_v2(const char* bus_id, Device** device) {
  if (std::strcmp(bus_id, "00000000:18:00.0") != 0) return kNotFound;
  return *device = &g_device, kSuccess;
}

int nvmlDeviceGetClockInfo(Device* device, int type, unsigned* mhz) {
  if (device != &g_device || type != 1) return kInvalidArgument;
  return *mhz = static_cast<unsigned>(said("FAKE_NVML_CLOCK", 1755)), kSuccess;
}
int nvmlDeviceGetMaxClockInfo(Device* device, int type, unsigned* mhz) {
  if (device != &g_device || type != 1) return kInvalidArgument;
  return *mhz = 1980, kSuccess;
}
int nvmlDeviceGetTemperature(Device* device, int sensor, unsigned* celsius) {
  if (device != &g_device || sensor != 0) return kInvalidArgument;
  return *celsius = static_cast<unsigned>(said("FAKE_NVML_TEMPERATURE", 45)), kSuccess;
}
int nvmlDeviceGetEnforcedPowerLimit(Device* device, unsigned* milliwatts) {
  if (device != &g_device) return kInvalidArgument;
  return *milliwatts = 700000, kSuccess;
}

#ifdef FAKE_NVML_full
int nvmlDeviceGetPowerUsage(Device*, unsigned* milliwatts) {
  const auto status = static_cast<int>(said("FAKE_NVML_POWER_STATUS", kSuccess));
  *milliwatts = 512300;
  return status;
}
int nvmlDeviceGetTemperatureThreshold(Device* device, int threshold, unsigned* celsius) {
  if (device != &g_device || threshold != 1) return kNotSupported;
  return *celsius = 92, kSuccess;
}
int nvmlDeviceGetCurrentClocksEventReasons(Device*, unsigned long long* reasons) {
  return *reasons = said("FAKE_NVML_REASONS", 0), kSuccess;
}
int nvmlDeviceGetComputeRunningProcesses_v3(Device*, unsigned* count, Process* processes) {
  const auto running = static_cast<unsigned>(said("FAKE_NVML_PROCESSES", 0));
  const bool room = *count >= running;
  *count = running;
  if (!room) return kInsufficientSize;
  for (unsigned i = 0; i < running; ++i)
    processes[i] = {1000 + i, i == 0 ? 30'000'000'000ull : ~0ull, ~0u, ~0u};
  return kSuccess;
}
#else
int nvmlDeviceGetCurrentClocksThrottleReasons(Device*, unsigned long long* reasons) {
  return *reasons = said("FAKE_NVML_REASONS", 0), kSuccess;
}
#endif
}
// NOLINTEND(readability-identifier-naming)
