#include "kernels/profiler/anchored_transfer.h"

#include <array>
#include <cmath>

#include "kernels/profiler/gemm_fit.h"

namespace stepcast {
namespace {

constexpr std::size_t kLeastToRefit = 6;

bool is_product(const Kernel& kernel) {
  const KernelFamily family = info(kernel.kind).family;
  return family == KernelFamily::kGemm || family == KernelFamily::kBatchedGemm;
}

/// Products by dtype where there are enough of them, and all other anchors.
struct Anchors {
  std::array<std::vector<TimedKernel>, 5> to_refit;
  std::vector<MeasuredKernel> to_level;
};

Anchors sorted(const std::vector<MeasuredKernel>& anchors, Condition condition) {
  Anchors result;
  for (const MeasuredKernel& anchor : anchors)
    if (is_product(anchor.kernel))
      result.to_refit[static_cast<std::size_t>(anchor.kernel.dtype)].push_back(
          {.kernel = anchor.kernel, .time = anchor.time, .condition = condition});
  for (auto& products : result.to_refit)
    if (products.size() < kLeastToRefit) products.clear();
  for (const MeasuredKernel& anchor : anchors)
    if (!is_product(anchor.kernel) ||
        result.to_refit[static_cast<std::size_t>(anchor.kernel.dtype)].empty())
      result.to_level.push_back(anchor);
  return result;
}

}  // namespace

DeviceProfile transfer_anchored(const DeviceProfile& profile, const Device& from, const Device& to,
                                const std::vector<MeasuredKernel>& anchors,
                                Condition anchors_timed_in) {
  const Anchors some = sorted(anchors, anchors_timed_in);
  DeviceProfile result = transfer_profile(profile, from, to, some.to_level, anchors_timed_in);
  const CostModel costs(to, result, ideal_network_profile(), StackProfile{}, anchors_timed_in);
  for (std::size_t i = 0; i < some.to_refit.size(); ++i) {
    const std::vector<TimedKernel>& products = some.to_refit[i];
    if (products.empty()) continue;
    costs.kernel(products.front().kernel);  // throws for a type that the profile has no model of
    GemmModel& model = *result.gemm[i];
    model = refit_gemm_model(to, products, static_cast<Dtype>(i), model);
    const double own = profile.gemm[i]->relative_sigma;
    model.relative_sigma = std::sqrt(own * own + kRefittedSigma * kRefittedSigma);
  }
  return result;
}

}  // namespace stepcast
