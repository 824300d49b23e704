// The fits behind profile_fit.h of attention, of convolutions and of memory-bound kernels; that of
// products is gemm_fit.h.
#pragma once

#include <vector>

#include "kernels/profiler/profile_fit.h"

namespace stepcast {

/// Rates by head dimension; the share of causal rows and of backward where there are such kernels.
AttentionModel fit_attention_model(const Device& device, const std::vector<TimedKernel>& timed,
                                   Dtype dtype);

/// Rates of the passes, of which those without kernels are that of forward, and what few channels
/// and pixels cost. The gain of Winograd's algorithm where there are windows that suit it.
ConvolutionModel fit_convolution_model(const Device& device, const std::vector<TimedKernel>& timed,
                                       Dtype dtype);

/// Times by size: kernels of one kind, the median where sizes are alike (within 5 %), made monotone
/// by pooling neighbours that are not.
MemoryKernelModel fit_memory_kernel_model(const std::vector<TimedKernel>& timed);
/// Puts it in the place of the profile's model of that kind.
void set_memory_kernel_model(DeviceProfile& profile, MemoryKernelModel model);

/// What answers for memory-bound kernels that were not timed: the median share of the datasheet's
/// bandwidth of the large ones that were, and the least time seen as overhead.
void set_memory_defaults(const Device& device, const std::vector<TimedKernel>& timed,
                         DeviceProfile& profile);

}  // namespace stepcast
