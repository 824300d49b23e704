// From timed kernels to a device profile: the models of sim/cost/device_profile.h are fitted,
// judged on shapes that the fit has not seen, and then fitted again to all of them.
#pragma once

#include <string>
#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/cost/device_profile.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// A kernel that was timed, and how far two halves of its rounds disagreed.
struct TimedKernel {
  Kernel kernel;
  Seconds time;             ///< median
  double disagreement = 0;  ///< relative
  /// A chip that runs for a moment only is faster than in training; see GemmModel. Products alone
  /// know the difference.
  Condition condition = Condition::kTraining;
};

/// How one model does, in relative errors.
struct ModelError {
  std::string name;          ///< "gemm bf16", "layer_norm_forward"
  std::size_t fitted = 0;    ///< shapes that the judged fit saw
  std::size_t held_out = 0;  ///< and those that it did not
  double median_abs = 0;     ///< of the shapes held out; of the fitted ones where none was
  double p90_abs = 0;
  double bias = 0;  ///< median of the signed error
};

struct FittedProfile {
  DeviceProfile profile;
  std::vector<ModelError>
      errors;  ///< one per model, then one per class of kernels, and one over all shapes held out
};

/// Whether a shape is held out of the first fit: two in five, chosen by the shape itself, so the
/// same on every machine and in every run.
bool is_held_out(const Kernel& kernel);

/// Of kind, dtype and dimensions: the same number on every machine.
std::uint32_t shape_hash(const Kernel& kernel);

/// Fits all models that `timed` has kernels for. GEMMs need eight shapes of a dtype, attention
/// four, convolutions eight; of fewer no model is made, and the points alone count. The form of a
/// GEMM model is chosen (gemm_fit.h). Memory-bound kernels become times by size. `points_within`:
/// those whose halves agree so closely become points of the profile; a time of a short benchmark
/// goes with the point of its kernel. The profile's name, provenance and library are the caller's.
/// Throws Error(kUnsupported) when there is nothing to fit.
FittedProfile fit_profile(const Device& device, const std::vector<TimedKernel>& timed,
                          double points_within, const std::string& kernel_library);

}  // namespace stepcast
