#include "kernels/cuda/check.h"

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::string text_of(const CallPlace& place) {
  return std::string(place.file) + ":" + std::to_string(place.line) + ", " + place.function;
}

ErrorKind kind_of(cudaError_t status) {
  switch (status) {
    case cudaErrorNoDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorInvalidDevice:
    case cudaErrorNoKernelImageForDevice:
    case cudaErrorUnsupportedPtxVersion:
      return ErrorKind::kUnsupported;
    case cudaErrorMemoryAllocation:
      return ErrorKind::kInfeasible;
    default:
      return ErrorKind::kLiveRank;
  }
}

/// CUDA says the same of a driver that is too old and of none.
std::string why_insufficient() {
  int driver = 0, runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return "no NVIDIA driver is installed";
  (void)cudaRuntimeGetVersion(&runtime);
  return "the NVIDIA driver serves CUDA up to " + cuda_version_text(driver) +
         ", and this build has CUDA " + cuda_version_text(runtime) + "; install a newer driver";
}

}  // namespace

void check_cuda(cudaError_t status, const CallPlace& place) {
  if (status == cudaSuccess) return;
  // An error that the device can recover from must not be reported again by the next call.
  (void)cudaGetLastError();
  throw Error(kind_of(status), "CUDA: " + std::string(cudaGetErrorString(status)) + " (" +
                                   cudaGetErrorName(status) + ") at " + text_of(place));
}

void check_library(bool good, const std::string& library, const std::string& status,
                   const CallPlace& place) {
  if (!good) throw Error(ErrorKind::kLiveRank, library + ": " + status + " at " + text_of(place));
}

std::string cuda_version_text(int version) {
  return std::to_string(version / 1000) + '.' + std::to_string(version % 1000 / 10);
}

std::string device_name(int number) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, number));
  return properties.name;
}

std::string why_no_device() {
  int devices = 0;
  const cudaError_t status = cudaGetDeviceCount(&devices);
  (void)cudaGetLastError();
  if (status == cudaErrorInsufficientDriver) return why_insufficient();
  if (status != cudaSuccess) return cudaGetErrorString(status);
  return devices > 0 ? "" : "the driver lists no device";
}

}  // namespace stepcast
