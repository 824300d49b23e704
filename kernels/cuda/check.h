// Status codes of the CUDA runtime as errors with the expression and its place.
//
//   check_cuda(cudaStreamSynchronize(stream));
//
// Kernels report what went wrong inside them at a later call, which is the one that is named.
#pragma once

#include <cuda_runtime_api.h>

#include <string>

namespace stepcast {

/// Where a call stands. (clang 14 has no std::source_location.)
struct CallPlace {
  const char* file;
  int line;
  const char* function;

  static constexpr CallPlace current(const char* file = __builtin_FILE(),
                                     int line = __builtin_LINE(),
                                     const char* function = __builtin_FUNCTION()) {
    return {file, line, function};
  }
};

/// Throws Error: kUnsupported where there is no device, or one that the driver or this binary
/// cannot use; kInfeasible when device memory is used up; kLiveRank for everything else.
void check_cuda(cudaError_t status, const CallPlace& place = CallPlace::current());

/// The same for libraries on top of CUDA: throws Error(kLiveRank) unless `good`.
void check_library(bool good, const std::string& library, const std::string& status,
                   const CallPlace& place);

/// "NVIDIA H200".
std::string device_name(int number);

/// Of a number as CUDA gives it: "13.0".
std::string cuda_version_text(int version);

/// Why no device can be used here, or "" when one can. Throws nothing.
std::string why_no_device();

}  // namespace stepcast
