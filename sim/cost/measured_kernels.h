// Kernels that were timed with exactly the dimensions that a program uses, by kernel. Part of a
// device profile.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/base/json_writer.h"
#include "sim/base/quantity.h"
#include "sim/compute/kernels.h"

namespace stepcast {

struct MeasuredKernel {
  Kernel kernel;
  Seconds time;               ///< median over repeats
  double relative_sigma = 0;  ///< spread that another run of the same kernel has to expect
  /// In a short benchmark, where the chip still runs above the clock that its power limit allows
  /// for long; nothing where that was not timed.
  std::optional<Seconds> burst{};
};

/// A table by kernel, each once.
class MeasuredKernels {
 public:
  /// Adds a point, or replaces the one of the same kernel.
  void set(const MeasuredKernel& point);
  /// Null when the kernel was not measured.
  const MeasuredKernel* find(const Kernel& kernel) const;
  /// In order of kind, dtype, dimensions.
  const std::vector<MeasuredKernel>& all() const { return points_; }
  bool empty() const { return points_.empty(); }

 private:
  std::vector<MeasuredKernel> points_;  ///< ascending
};

/// Reads a list of points:
///   {"kernel": "gemm_forward", "dtype": "bf16", "dims": [4096, 4096, 1024], "time": "51.2 us",
///    "relative_sigma": 0.01, "burst": "46.9 us"}
/// with the dimensions of the catalogue in its order, and "causal" where attention is. Mistakes go
/// to `problems`; a kernel that stands twice is one.
MeasuredKernels read_measured_kernels(const JsonValue& list, Problems& problems);
void write_measured_kernels(JsonWriter& json, const MeasuredKernels& points);

}  // namespace stepcast
