// Kernels of a library that is faster than ours, where the machine has it: oneDNN's convolutions
// and bf16 products (kernels/onednn/). It is loaded when the first of them is needed, by the rank
// that needs it, and not with the program: its OpenMP runtime narrows the cores of a process as it
// is loaded, where OMP_PROC_BIND or GOMP_CPU_AFFINITY are set.
#pragma once

#include <cstdint>

#include "kernels/cpu/convolution.h"
#include "kernels/cpu/element.h"
#include "kernels/cpu/gemm.h"

namespace stepcast::cpu {

enum class ConvolutionPass : std::uint8_t { kForward, kDgrad, kWgrad };

/// Each function does the whole work and returns true, or nothing and false, where it has nothing
/// that is faster. They use the calling thread alone. What they need of memory is taken when a
/// shape is seen for the first time, and kept by the thread.
struct TunedKernels {
  /// For provenance: "oneDNN 2.6.3".
  const char* name = nullptr;
  /// `a` and `b` are read: x and weights, weights and dy, or x and dy. The result is y, dx, or
  /// dweights, which alone is added to.
  bool (*convolve)(ConvolutionPass pass, const ConvolutionShape& shape, const float* a,
                   const float* b, float* result) = nullptr;
  /// As gemm() of 16-bit matrices.
  bool (*multiply_to_bf16)(const Gemm& shape, const Bf16* a, const Bf16* b, Bf16* c) = nullptr;
  bool (*multiply_to_fp32)(const Gemm& shape, const Bf16* a, const Bf16* b, float* c) = nullptr;
};

/// Null where there are none: not built, not found beside the program, or not allowed. The file is
/// libstepcast_onednn.so, or what STEPCAST_ONEDNN_MODULE names; empty, it means none. Throws
/// Error(kUnsupported) for a file that is there and can't be used.
const TunedKernels* tuned_kernels();

/// Whether tuned_kernels() may give any to this thread; for tests of both ways.
void allow_tuned_kernels(bool allowed);

/// What the module exports, by name: a TunedKernels.
inline constexpr const char* kTunedKernelsEntry = "stepcast_onednn_kernels";

}  // namespace stepcast::cpu
