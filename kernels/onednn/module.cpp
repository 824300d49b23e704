// What stepcast loads (kernels/cpu/tuned_kernels.h).
#include <cstdio>
#include <oneapi/dnnl/dnnl.hpp>

#include "kernels/onednn/convolution.h"
#include "kernels/onednn/product.h"

namespace {

const char* name() {
  static char text[32];
  const dnnl_version_t* const version = dnnl_version();
  std::snprintf(text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor,
                version->patch);
  return text;
}

}  // namespace

extern "C" {
// NOLINTBEGIN(readability-identifier-naming): found by this name (kTunedKernelsEntry)
extern const stepcast::cpu::TunedKernels stepcast_onednn_kernels;
const stepcast::cpu::TunedKernels stepcast_onednn_kernels = {
    .name = name(),
    .convolve = stepcast::onednn::convolve,
    .multiply_to_bf16 = stepcast::onednn::multiply_to_bf16,
    .multiply_to_fp32 = stepcast::onednn::multiply_to_fp32};
// NOLINTEND(readability-identifier-naming)
}
