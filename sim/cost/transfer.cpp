#include "sim/cost/transfer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

namespace stepcast {
namespace {

/// What anchors are gathered by.
using Class = std::pair<KernelFamily, Dtype>;

Class class_of(const Kernel& kernel) {
  const KernelFamily family = info(kernel.kind).family;
  if (family == KernelFamily::kMemoryBound) return {family, Dtype::kFp32};
  const bool product = family == KernelFamily::kGemm || family == KernelFamily::kBatchedGemm;
  return {product ? KernelFamily::kGemm : family, kernel.dtype};
}

double widened(double sigma, KernelFamily family, bool anchored) {
  const TransferSigma added = transfer_sigma(family);
  const double more = anchored ? added.anchored : added.plain;
  return std::sqrt(sigma * sigma + more * more);
}

void scale_products(const Device& from, const Device& to, DeviceProfile& profile) {
  const double fill =
      std::sqrt(static_cast<double>(to.num_sms) / static_cast<double>(from.num_sms));
  for (auto& model : profile.gemm) {
    if (!model) continue;
    model->m0 *= fill;
    model->n0 *= fill;
  }
}

void scale_memory_times(const Device& from, const Device& to, DeviceProfile& profile) {
  const double ratio = from.memory_bandwidth / to.memory_bandwidth;
  for (MemoryKernelModel& model : profile.memory_kernels)
    for (Seconds& time : model.times)
      time = profile.memory_overhead + std::max(time - profile.memory_overhead, Seconds(0)) * ratio;
}

/// Measured over predicted, by class, of the anchor in the middle.
std::map<Class, double> levels(const DeviceProfile& profile, const Device& to,
                               const std::vector<MeasuredKernel>& anchors, Condition condition) {
  const CostModel costs(to, profile, ideal_network_profile(), StackProfile{}, condition);
  std::map<Class, std::vector<double>> ratios;
  for (const MeasuredKernel& anchor : anchors)
    ratios[class_of(anchor.kernel)].push_back(anchor.time / costs.kernel(anchor.kernel).time);
  std::map<Class, double> result;
  for (auto& [key, some] : ratios) {
    std::sort(some.begin(), some.end());
    result[key] = some[some.size() / 2];
  }
  return result;
}

void set_level(double slower, GemmModel& model) {
  model.efficiency /= slower;
  model.memory_efficiency /= slower;
  model.overhead = model.overhead * slower;
}

void set_level(double slower, ConvolutionModel& model) {
  model.forward_efficiency /= slower;
  model.dgrad_efficiency /= slower;
  model.wgrad_efficiency /= slower;
  model.memory_efficiency /= slower;
  model.overhead = model.overhead * slower;
}

void set_level(double slower, AttentionModel& model) {
  for (double& rate : model.efficiency) rate /= slower;
  model.overhead = model.overhead * slower;
}

/// Scaled to the anchors of its family and dtype, and graded.
template <typename Model>
void finish(KernelFamily family, Dtype dtype, const std::map<Class, double>& anchored,
            Model& model) {
  const auto level = anchored.find({family, dtype});
  if (level != anchored.end()) set_level(level->second, model);
  model.grade = Grade::kTransferred;
  model.relative_sigma = widened(model.relative_sigma, family, level != anchored.end());
}

/// Without the models of dtypes that the target can't compute in.
void finish_by_dtype(const Device& to, const std::map<Class, double>& anchored,
                     DeviceProfile& profile) {
  for (std::size_t i = 0; i < profile.gemm.size(); ++i) {
    const auto dtype = static_cast<Dtype>(i);
    if (to.peak(dtype).value() <= 0) {
      profile.gemm[i].reset();
      profile.attention[i].clear();
      profile.convolution[i].reset();
    }
    if (auto& model = profile.convolution[i])
      finish(KernelFamily::kConvolution, dtype, anchored, *model);
    if (profile.gemm[i]) finish(KernelFamily::kGemm, dtype, anchored, *profile.gemm[i]);
    for (AttentionModel& model : profile.attention[i])
      finish(KernelFamily::kAttention, dtype, anchored, model);
  }
}

void finish_memory(const std::map<Class, double>& anchored, DeviceProfile& profile) {
  const auto level = anchored.find({KernelFamily::kMemoryBound, Dtype::kFp32});
  if (level != anchored.end()) {
    profile.memory_efficiency /= level->second;
    for (MemoryKernelModel& model : profile.memory_kernels) {
      model.efficiency /= level->second;
      for (Seconds& time : model.times) time = time * level->second;
    }
  }
  profile.memory_grade = Grade::kTransferred;
  profile.memory_relative_sigma =
      widened(profile.memory_relative_sigma, KernelFamily::kMemoryBound, level != anchored.end());
}

}  // namespace

TransferSigma transfer_sigma(KernelFamily family) {
  switch (family) {
    case KernelFamily::kGemm:
    case KernelFamily::kBatchedGemm:
    case KernelFamily::kConvolution:  // as products: its transfers were not judged
      return {.plain = 0.18, .anchored = 0.16};
    case KernelFamily::kAttention:
      return {.plain = 0.35, .anchored = 0.20};
    case KernelFamily::kMemoryBound:
      return {.plain = 0.30, .anchored = 0.25};
  }
  throw InternalError("unhandled kernel family");
}

DeviceProfile transfer_profile(const DeviceProfile& profile, const Device& from, const Device& to,
                               const std::vector<MeasuredKernel>& anchors,
                               Condition anchors_timed_in) {
  if (profile.device != from.name)
    throw Error(ErrorKind::kInput, "device profile \"" + profile.name + "\" is of " +
                                       profile.device + ", not of " + from.name);
  DeviceProfile result = profile;
  result.device = to.name;
  result.also_for.clear();
  result.points = {};
  result.provenance = {{"transferred_from", profile.name + " (" + from.name + ")"}};
  scale_products(from, to, result);
  scale_memory_times(from, to, result);
  const std::map<Class, double> anchored = levels(result, to, anchors, anchors_timed_in);
  finish_by_dtype(to, anchored, result);
  finish_memory(anchored, result);
  return result;
}

}  // namespace stepcast
