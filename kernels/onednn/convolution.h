// Convolutions by oneDNN: images and weights are brought into its blocked layouts and back, which
// pays where there are enough pixels.
#pragma once

#include "kernels/cpu/tuned_kernels.h"

namespace stepcast::onednn {

/// TunedKernels::convolve.
bool convolve(cpu::ConvolutionPass pass, const ConvolutionShape& shape, const float* a,
              const float* b, float* result);

}  // namespace stepcast::onednn
