// How long a convolution takes: an implicit GEMM over patches, whose fit stands in a device
// profile. No model that stepcast trains has one yet: `stepcast profile` times them, and tables of
// published kernels ask for them.
#pragma once

#include "sim/base/grade.h"
#include "sim/base/quantity.h"
#include "sim/compute/kernels.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// Model of one dtype:
///   t = ((work)^4 + (bytes / (b BW))^4)^(1/4) + t0
///   work = flops / (e P w) (1 + c0/in_channels) (1 + c0/out_channels) (1 + p0/positions)
/// with flops and bytes as the catalogue counts them, positions = images out_height out_width, e
/// that of the pass, and w the gain of Winograd's algorithm, which libraries use for windows of 3 x
/// 3 and stride 1 [Lavin and Gray 2016] (else 1).
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

/// Of a kernel of the family kConvolution.
Seconds time_of(const Kernel& convolution, const ConvolutionModel& model, const Device& device);

}  // namespace stepcast
