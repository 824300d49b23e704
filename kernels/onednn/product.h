// Products of bf16 matrices by oneDNN, on cores that multiply bf16 themselves.
#pragma once

#include "kernels/cpu/tuned_kernels.h"

namespace stepcast::onednn {

/// TunedKernels::multiply_to_bf16 and multiply_to_fp32; false on cores without bf16.
bool multiply_to_bf16(const Gemm& shape, const Bf16* a, const Bf16* b, Bf16* c);
bool multiply_to_fp32(const Gemm& shape, const Bf16* a, const Bf16* b, float* c);

}  // namespace stepcast::onednn
