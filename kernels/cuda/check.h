// Status codes of the CUDA runtime as errors with the expression and its place.
//
//   check_cuda(cudaStreamSynchronize(stream));
//
// Kernels report what went wrong inside them at a later call, which is the one that is named.
#pragma once

#include <cuda_runtime_api.h>

#include <source_location>
#include <string>

namespace stepcast {

/// Throws Error: kUnsupported where there is no device, or one that the driver or this binary
/// cannot use; kInfeasible when device memory is used up; kLiveRank for everything else.
void check_cuda(cudaError_t status,
                const std::source_location& place = std::source_location::current());

/// The same for libraries on top of CUDA: throws Error(kLiveRank) unless `good`.
void check_library(bool good, const std::string& library, const std::string& status,
                   const std::source_location& place);

/// Why no device can be used here, or "" when one can. Throws nothing.
std::string why_no_device();

}  // namespace stepcast
