#include "kernels/profiler/profile_fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "kernels/profiler/gemm_fit.h"
#include "kernels/profiler/kernel_fit.h"
#include "kernels/profiler/model_fits.h"
#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

constexpr std::size_t kLeastGemms = 8;
constexpr std::size_t kLeastAttentions = 4;
constexpr std::size_t kLeastConvolutions = 8;
/// Two profiles of one machine differ by this much at the least.
constexpr double kLeastSigma = 0.02;

using Timed = std::vector<TimedKernel>;

/// The smallest and the largest kernel bound what a model may be asked for: they are always fitted.
bool is_bound(const TimedKernel& one, const Timed& timed) {
  const auto [least, most] = std::minmax_element(timed.begin(), timed.end(),
                                                 [](const TimedKernel& a, const TimedKernel& b) {
                                                   return bytes_of(a.kernel) < bytes_of(b.kernel);
                                                 });
  return one.kernel == least->kernel || one.kernel == most->kernel;
}

Timed picked(const Timed& timed, bool held_out) {
  Timed some;
  for (const TimedKernel& one : timed)
    if ((is_held_out(one.kernel) && !is_bound(one, timed)) == held_out) some.push_back(one);
  return some;
}

ModelError judged(std::string name, std::size_t fitted, std::size_t held_out,
                  const std::vector<double>& errors) {
  ModelError error{.name = std::move(name), .fitted = fitted, .held_out = held_out};
  if (errors.empty()) return error;
  const ErrorSummary summary = summarize(errors);
  error.median_abs = summary.median_abs;
  error.p90_abs = summary.p90_abs;
  error.bias = summary.bias;
  return error;
}

/// Small products are told apart: their time is hardly that of their work.
std::string class_of(const Kernel& kernel) {
  switch (info(kernel.kind).family) {
    case KernelFamily::kGemm:
    case KernelFamily::kBatchedGemm:
      return std::min({kernel.dims[0], kernel.dims[1], kernel.dims[2]}) >= 512
                 ? "products, m, n, k >= 512"
                 : "products, smaller";
    case KernelFamily::kAttention:
      return "attention";
    case KernelFamily::kConvolution:
      return "convolutions";
    case KernelFamily::kMemoryBound:
      return "memory-bound";
  }
  throw InternalError("unhandled kernel family");
}

/// Fits without the shapes held out, judges on those, and fits again with all.
class Fitter {
 public:
  Fitter(const Device& device, FittedProfile& result) : device_(device), result_(result) {}

  template <typename Fit>  // fit(timed, profile) sets the model in the profile
  ModelError fit(std::string name, const Timed& timed, std::size_t least, Fit fit) {
    Timed seen = picked(timed, false), unseen = picked(timed, true);
    if (seen.size() < least) seen = timed, unseen.clear();
    DeviceProfile trial = result_.profile;
    fit(seen, trial);
    const std::vector<double> errors = errors_of(device_, trial, unseen.empty() ? seen : unseen);
    ModelError error = judged(std::move(name), seen.size(), unseen.size(), errors);
    fit(timed, result_.profile);
    result_.errors.push_back(error);
    for (const TimedKernel& one : seen) ++classes_[class_of(one.kernel)].fitted;
    for (std::size_t i = 0; i < unseen.size(); ++i)
      classes_[class_of(unseen[i].kernel)].held_out.push_back(errors[i]);
    return error;
  }

  /// A line over the shapes held out of each class of kernels, and one over all of them.
  void add_totals() {
    Class all;
    for (const auto& [name, one] : classes_) {
      add_line(name, one);
      all.fitted += one.fitted;
      all.held_out.insert(all.held_out.end(), one.held_out.begin(), one.held_out.end());
    }
    add_line("all of them", all);
  }

 private:
  struct Class {
    std::size_t fitted = 0;
    std::vector<double> held_out;  ///< signed errors
  };
  void add_line(const std::string& name, const Class& of) {
    if (!of.held_out.empty())
      result_.errors.push_back(judged(name, of.fitted, of.held_out.size(), of.held_out));
  }

  const Device& device_;
  FittedProfile& result_;
  std::map<std::string, Class> classes_;
};

double sigma_of(const ModelError& error) {
  // The 90 % quantile of |error| of a normal distribution lies at 1.645 sigma.
  return std::clamp(error.p90_abs / 1.645, kLeastSigma, 1.0);
}

void fit_products(const Device& device, const Timed& timed, Dtype dtype, Fitter& fitter,
                  FittedProfile& result) {
  auto& model = result.profile.gemm[static_cast<std::size_t>(dtype)];
  // Chosen without the shapes that judge it, and kept when all are fitted.
  std::optional<GemmForm> form;
  const ModelError error = fitter.fit("gemm " + std::string(name_of(dtype)), timed, kLeastGemms,
                                      [&](const Timed& some, DeviceProfile& profile) {
                                        if (!form) form = choose_gemm_form(device, some, dtype);
                                        profile.gemm[static_cast<std::size_t>(dtype)] =
                                            fit_gemm_model(device, some, dtype, *form);
                                      });
  if (form == GemmForm::kWaves) result.errors.back().name += ", in waves";
  model->grade = Grade::kFitted;
  model->relative_sigma = sigma_of(error);
}

void fit_attentions(const Device& device, const Timed& timed, Dtype dtype, Fitter& fitter,
                    FittedProfile& result) {
  const ModelError error =
      fitter.fit("attention " + std::string(name_of(dtype)), timed, kLeastAttentions,
                 [&](const Timed& some, DeviceProfile& profile) {
                   profile.attention[static_cast<std::size_t>(dtype)] = {
                       fit_attention_model(device, some, dtype)};
                 });
  AttentionModel& model = result.profile.attention[static_cast<std::size_t>(dtype)].front();
  model.implementation = result.profile.kernel_library;
  model.grade = Grade::kFitted;
  model.relative_sigma = sigma_of(error);
}

void fit_convolutions(const Device& device, const Timed& timed, Dtype dtype, Fitter& fitter,
                      FittedProfile& result) {
  const ModelError error =
      fitter.fit("convolution " + std::string(name_of(dtype)), timed, kLeastConvolutions,
                 [&](const Timed& some, DeviceProfile& profile) {
                   profile.convolution[static_cast<std::size_t>(dtype)] =
                       fit_convolution_model(device, some, dtype);
                 });
  ConvolutionModel& model = *result.profile.convolution[static_cast<std::size_t>(dtype)];
  model.grade = Grade::kFitted;
  model.relative_sigma = sigma_of(error);
}

void fit_memory_kernels(const Timed& timed, Fitter& fitter, FittedProfile& result) {
  std::map<KernelKind, Timed> by_kind;
  for (const TimedKernel& one : timed) by_kind[one.kernel.kind].push_back(one);
  std::vector<double> sigmas;
  for (const auto& [kind, some] : by_kind) {
    const ModelError error = fitter.fit(
        std::string(info(kind).name), some, 2, [](const Timed& seen, DeviceProfile& profile) {
          set_memory_kernel_model(profile, fit_memory_kernel_model(seen));
        });
    sigmas.push_back(sigma_of(error));
  }
  result.profile.memory_grade = Grade::kFitted;
  result.profile.memory_relative_sigma = median(sigmas);
}

/// A burst belongs to the point of its kernel, where that is one.
void add_points(const Timed& timed, double within, DeviceProfile& profile) {
  for (const TimedKernel& one : timed)
    if (one.disagreement <= within && one.condition == Condition::kTraining)
      profile.points.set({.kernel = one.kernel,
                          .time = one.time,
                          .relative_sigma = std::max(one.disagreement, kLeastSigma)});
  for (const TimedKernel& one : timed) {
    if (one.disagreement > within || one.condition == Condition::kTraining) continue;
    const MeasuredKernel* const found = profile.points.find(one.kernel);
    if (found == nullptr) continue;
    MeasuredKernel point = *found;
    point.burst = one.time;
    profile.points.set(point);
  }
}

}  // namespace

/// So many are part of every kernel's hash: what is held out of published tables stays held out,
/// though some kinds have more.
constexpr std::size_t kDimsOfAll = 6;

/// FNV-1a over the kernel's numbers.
std::uint32_t shape_hash(const Kernel& kernel) {
  std::uint32_t hash = 2166136261u;
  const auto mix = [&](std::uint64_t value) {
    for (int byte = 0; byte < 8; ++byte, value >>= 8)
      hash = (hash ^ static_cast<std::uint32_t>(value & 0xff)) * 16777619u;
  };
  mix(static_cast<std::uint64_t>(kernel.kind));
  mix(static_cast<std::uint64_t>(kernel.dtype));
  mix(kernel.causal);
  const std::size_t dims = std::max(kDimsOfAll, num_dims(info(kernel.kind)));
  for (std::size_t i = 0; i < dims; ++i) mix(static_cast<std::uint64_t>(kernel.dims[i]));
  return hash;
}

bool is_held_out(const Kernel& kernel) { return shape_hash(kernel) % 5 < 2; }

FittedProfile fit_profile(const Device& device, const std::vector<TimedKernel>& timed,
                          double points_within, const std::string& kernel_library) {
  std::map<std::pair<KernelFamily, Dtype>, Timed> families;
  for (const TimedKernel& one : timed) {
    KernelFamily family = info(one.kernel.kind).family;
    if (family == KernelFamily::kBatchedGemm) family = KernelFamily::kGemm;
    const bool streams = family == KernelFamily::kMemoryBound;
    families[{family, streams ? Dtype::kFp32 : one.kernel.dtype}].push_back(one);
  }
  FittedProfile result;
  result.profile.device = device.name;
  result.profile.kernel_library = kernel_library;
  Fitter fitter(device, result);
  for (const auto& [key, some] : families) {
    const auto& [family, dtype] = key;
    if (family == KernelFamily::kGemm && some.size() >= kLeastGemms)
      fit_products(device, some, dtype, fitter, result);
    if (family == KernelFamily::kAttention && some.size() >= kLeastAttentions)
      fit_attentions(device, some, dtype, fitter, result);
    if (family == KernelFamily::kConvolution && some.size() >= kLeastConvolutions)
      fit_convolutions(device, some, dtype, fitter, result);
    if (family == KernelFamily::kMemoryBound) {
      set_memory_defaults(device, some, result.profile);
      fit_memory_kernels(some, fitter, result);
    }
  }
  fitter.add_totals();
  add_points(timed, points_within, result.profile);
  if (result.errors.empty() && result.profile.points.empty())
    throw Error(ErrorKind::kUnsupported,
                "nothing to fit: of " + std::to_string(timed.size()) +
                    " timed kernels none is a usable point; run the profile longer");
  return result;
}

}  // namespace stepcast
