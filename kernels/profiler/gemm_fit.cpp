#include "kernels/profiler/gemm_fit.h"

#include <algorithm>
#include <array>
#include <string>

#include "kernels/profiler/kernel_fit.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

using Timed = std::vector<TimedKernel>;

constexpr std::ptrdiff_t kLeastOfAKind = 4;
constexpr std::size_t kLeastToChoose = 24;
constexpr std::uint32_t kFolds = 3;

/// What is fitted, and where it stands in the model.
struct Parameter {
  Prior prior;
  void (*set)(GemmModel&, double);
};
using Parameters = std::vector<Parameter>;

void add(Parameters& parameters, Prior prior, void (*set)(GemmModel&, double)) {
  parameters.push_back({std::move(prior), set});
}

/// Of both forms. Products of short sides stream their operands, so tables hold both rates.
Parameters common_parameters() {
  Parameters all;
  add(all, {.name = "efficiency", .centre = 0.75, .sigma = 0.5, .lower = 0.01, .upper = 1.5},
      [](GemmModel& model, double x) { model.efficiency = x; });
  add(all, {.name = "memory_efficiency", .centre = 0.8, .sigma = 0.3, .lower = 0.05, .upper = 1.5},
      [](GemmModel& model, double x) { model.memory_efficiency = x; });
  add(all, {.name = "overhead", .centre = 2e-6, .sigma = 1.5, .lower = 1e-8, .upper = 1e-3},
      [](GemmModel& model, double x) { model.overhead = Seconds(x); });
  return all;
}

void add_smooth(Parameters& all) {
  add(all, {.name = "m0", .centre = 20, .sigma = 1.5, .lower = 0.01, .upper = 1000},
      [](GemmModel& model, double x) { model.m0 = x; });
  add(all, {.name = "n0", .centre = 20, .sigma = 1.5, .lower = 0.01, .upper = 1000},
      [](GemmModel& model, double x) { model.n0 = x; });
  add(all, {.name = "k0", .centre = 30, .sigma = 1.5, .lower = 0.01, .upper = 1000},
      [](GemmModel& model, double x) { model.k0 = x; });
}

/// Centres are near what the shipped GPUs have (topologies/calibrations/), a factor of 2 is one
/// sigma.
void add_waves(Parameters& all) {
  add(all, {.name = "k0", .centre = 100, .sigma = 0.8, .lower = 0.01, .upper = 500},
      [](GemmModel& model, double x) { model.k0 = x; });
  add(all, {.name = "wave_hardness", .centre = 0.5, .sigma = 0.8, .lower = 0.001, .upper = 1},
      [](GemmModel& model, double x) { model.waves->hardness = x; });
  add(all, {.name = "tile0", .centre = 20, .sigma = 0.8, .lower = 0.01, .upper = 300},
      [](GemmModel& model, double x) { model.waves->tile0 = x; });
}

void add_burst(Parameters& all) {
  add(all, {.name = "burst_gain", .centre = 0.15, .sigma = 0.8, .lower = 0.001, .upper = 0.6},
      [](GemmModel& model, double x) { model.burst_gain = x; });
  add(all, {.name = "burst_time", .centre = 1e-3, .sigma = 0.8, .lower = 1e-5, .upper = 2e-2},
      [](GemmModel& model, double x) { model.burst_time = Seconds(x); });
}

/// Rate of a gradient's product over forward's.
Prior pass_factor(std::string name) {
  return {.name = std::move(name), .centre = 1, .sigma = 0.2, .lower = 0.3, .upper = 1.45};
}

bool has(const Timed& timed, bool (*of_kind)(const TimedKernel&)) {
  return std::count_if(timed.begin(), timed.end(), of_kind) >= kLeastOfAKind;
}

Parameters parameters_of(GemmForm form, const Timed& timed) {
  Parameters all = common_parameters();
  form == GemmForm::kWaves ? add_waves(all) : add_smooth(all);
  if (has(timed, [](const auto& one) { return one.condition == Condition::kShortBenchmark; }))
    add_burst(all);
  if (has(timed, [](const auto& one) { return one.kernel.kind == KernelKind::kGemmDgrad; }))
    add(all, pass_factor("dgrad_efficiency"),
        [](GemmModel& model, double x) { model.dgrad_efficiency = x; });
  if (has(timed, [](const auto& one) { return one.kernel.kind == KernelKind::kGemmWgrad; }))
    add(all, pass_factor("wgrad_efficiency"),
        [](GemmModel& model, double x) { model.wgrad_efficiency = x; });
  return all;
}

/// The shapes of one fold, or those of the others. All kernels of a shape are in the same fold.
Timed part(const Timed& timed, std::uint32_t fold, bool of_fold) {
  Timed some;
  for (const TimedKernel& one : timed)
    if ((shape_hash(one.kernel) / 5 % kFolds == fold) == of_fold) some.push_back(one);
  return some;
}

double held_out_error(const Device& device, const Timed& timed, Dtype dtype, GemmForm form) {
  std::vector<double> absolute;
  for (std::uint32_t fold = 0; fold < kFolds; ++fold) {
    const Timed seen = part(timed, fold, false), unseen = part(timed, fold, true);
    DeviceProfile profile;
    profile.device = device.name;
    profile.gemm[static_cast<std::size_t>(dtype)] = fit_gemm_model(device, seen, dtype, form);
    for (const double error : errors_of(device, profile, unseen))
      absolute.push_back(std::abs(error));
  }
  return mean(absolute);
}

}  // namespace

std::string_view name_of(GemmForm form) {
  return form == GemmForm::kWaves ? "tiles in waves" : "smooth";
}

GemmModel fit_gemm_model(const Device& device, const Timed& timed, Dtype dtype, GemmForm form) {
  const Parameters parameters = parameters_of(form, timed);
  const auto model_of = [&](const std::vector<double>& values) {
    GemmModel model;
    if (form == GemmForm::kWaves) model.waves = TileWaves{};
    for (std::size_t i = 0; i < values.size(); ++i) parameters[i].set(model, values[i]);
    return model;
  };
  std::vector<Prior> priors;
  for (const Parameter& parameter : parameters) priors.push_back(parameter.prior);
  return model_of(
      fit_kernels(device, timed, priors, [&](DeviceProfile& profile, const auto& values) {
        profile.gemm[static_cast<std::size_t>(dtype)] = model_of(values);
      }));
}

GemmForm choose_gemm_form(const Device& device, const Timed& timed, Dtype dtype) {
  if (device.num_sms <= 1 || timed.size() < kLeastToChoose) return GemmForm::kSmooth;
  const double smooth = held_out_error(device, timed, dtype, GemmForm::kSmooth);
  const double waves = held_out_error(device, timed, dtype, GemmForm::kWaves);
  return waves < smooth ? GemmForm::kWaves : GemmForm::kSmooth;
}

}  // namespace stepcast
