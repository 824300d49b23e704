// How long a convolution takes on a GPU: an implicit GEMM over patches, whose fit stands in a
// device profile. No model that stepcast trains has one, so it is no kernel of the catalogue
// (compute/kernels.h): tables of published kernels are what asks for it.
#pragma once

#include <cstdint>

#include "sim/base/dtype.h"
#include "sim/base/grade.h"
#include "sim/base/quantity.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// y (images, out_channels, out_height, out_width) of x (images, in_channels, height, width); the
/// gradient passes are of the same convolution.
struct Convolution {
  enum class Pass : std::uint8_t { kForward, kDgrad, kWgrad };
  Pass pass{};
  Dtype dtype{};
  std::int64_t images = 0;
  std::int64_t in_channels = 0, height = 0, width = 0;
  std::int64_t out_channels = 0;
  std::int64_t window_height = 1, window_width = 1;
  std::int64_t stride = 1;
  std::int64_t padding = 0;  ///< rows and columns of zeros on each side

  std::int64_t out_height() const { return (height + 2 * padding - window_height) / stride + 1; }
  std::int64_t out_width() const { return (width + 2 * padding - window_width) / stride + 1; }
};

/// 2 images out_height out_width out_channels in_channels window: of every pass, whatever the
/// algorithm really computes.
Flops flops_of(const Convolution& convolution);
/// Images, weights and results, each once.
Bytes bytes_of(const Convolution& convolution);

/// Model of one dtype:
///   t = ((work)^4 + (bytes / (b BW))^4)^(1/4) + t0
///   work = flops / (e P w) (1 + c0/in_channels) (1 + c0/out_channels) (1 + p0/positions)
/// with positions = images out_height out_width, e that of the pass, and w the gain of Winograd's
/// algorithm, which libraries use for windows of 3 x 3 and stride 1 [Lavin and Gray 2016] (else 1).
struct ConvolutionModel {
  double forward_efficiency = 0;  ///< e, of peak
  double dgrad_efficiency = 0;
  double wgrad_efficiency = 0;
  double memory_efficiency = 0;  ///< b, of bandwidth
  double channels0 = 0;          ///< c0
  double positions0 = 0;         ///< p0
  double winograd_gain = 1;      ///< w
  Seconds overhead{};            ///< t0
  Grade grade = Grade::kAssumed;
  double relative_sigma = 0.3;  ///< error on shapes it was not fitted on
};

Seconds time_of(const Convolution& convolution, const ConvolutionModel& model,
                const Device& device);

}  // namespace stepcast
