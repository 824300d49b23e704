// Convolution of images on a GPU, by cuDNN: kernels/cpu/convolution.h says what is computed. fp32,
// or tf32 on tensor cores; NCHW.
#pragma once

#include <array>
#include <compare>
#include <memory>

#include "kernels/cpu/convolution.h"
#include "kernels/ops/device_context.h"

namespace stepcast::cuda {

enum class ConvolutionPass : std::uint8_t {
  kForward,  ///< y = x * weights
  kDgrad,    ///< dx, from weights and dy
  kWgrad,    ///< dweights +=, from x and dy
};

/// What cuDNN is told, and so the key under which its choice of a kernel is kept.
struct ConvolutionArguments {
  ConvolutionPass pass{};
  bool tf32 = false;
  std::array<int, 4> x{}, weights{},
      y{};                      ///< extents in NCHW order; weights: out, in, rows, columns
  int padding = 0, stride = 1;  ///< both ways
  auto operator<=>(const ConvolutionArguments&) const = default;
};
ConvolutionArguments convolution_arguments(ConvolutionPass pass, const ConvolutionShape& shape,
                                           bool tf32);

/// The border to cuDNN: handle, descriptors, and a kernel per ConvolutionArguments. In the
/// emulation (tests/emulation/convolution_plain.cpp) plain loops over the extents.
class Convolutions {
 public:
  explicit Convolutions(DeviceContext& context);
  ~Convolutions();
  Convolutions(const Convolutions&) = delete;
  Convolutions& operator=(const Convolutions&) = delete;

  /// `a` and `b` are read: x and weights, weights and dy, or x and dy. The result is y, dx or
  /// dweights, which alone is added to. Throws Error(kUnsupported) where cuDNN has no kernel.
  void run(const ConvolutionArguments& arguments, const float* a, const float* b, float* result);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Overwrites y.
void convolution_forward(const ConvolutionShape& shape, const float* x, const float* weights,
                         float* y, DeviceContext& context, bool tf32 = false);
/// Overwrites dx.
void convolution_dgrad(const ConvolutionShape& shape, const float* weights, const float* dy,
                       float* dx, DeviceContext& context, bool tf32 = false);
/// Adds to dweights.
void convolution_wgrad(const ConvolutionShape& shape, const float* x, const float* dy,
                       float* dweights, DeviceContext& context, bool tf32 = false);

}  // namespace stepcast::cuda
