#include "kernels/profiler/kept_models.h"

#include <algorithm>

#include "sim/base/dtype.h"

namespace stepcast {
namespace {

/// One kind of model, by Dtype: optional, or a list of implementations.
template <typename Models>
void keep_lacking(const char* kind, const Models& earlier, Models& models, std::string& kept) {
  for (std::size_t d = 0; d < models.size(); ++d) {
    const auto lacks = [&](const Models& of) {
      if constexpr (requires { of[d].empty(); })
        return of[d].empty();
      else
        return !of[d].has_value();
    };
    if (!lacks(models) || lacks(earlier)) continue;
    models[d] = earlier[d];
    kept += (kept.empty() ? "" : ", ") + std::string(kind) + " " +
            std::string(name_of(static_cast<Dtype>(d)));
  }
}

/// Returns how many.
int keep_memory_kernels(const DeviceProfile& earlier, DeviceProfile& profile) {
  int kept = 0;
  for (const MemoryKernelModel& old : earlier.memory_kernels) {
    const auto found =
        std::ranges::find(profile.memory_kernels, old.kind, &MemoryKernelModel::kind);
    const bool lacks = found == profile.memory_kernels.end();
    if (!lacks && found->sizes.size() >= old.sizes.size()) continue;
    ++kept;
    if (lacks)
      profile.memory_kernels.push_back(old);
    else
      *found = old;
  }
  // A kernel takes no less than the overhead: kept ones may be shorter than all that are new.
  if (kept > 0)
    profile.memory_overhead = std::min(profile.memory_overhead, earlier.memory_overhead);
  return kept;
}

}  // namespace

std::string keep_models(const DeviceProfile& earlier, DeviceProfile& profile) {
  std::string kept;
  keep_lacking("gemm", earlier.gemm, profile.gemm, kept);
  keep_lacking("attention", earlier.attention, profile.attention, kept);
  keep_lacking("convolution", earlier.convolution, profile.convolution, kept);
  if (const int kernels = keep_memory_kernels(earlier, profile); kernels > 0)
    kept += (kept.empty() ? "" : ", ") + std::to_string(kernels) + " memory-bound";
  return kept;
}

}  // namespace stepcast
