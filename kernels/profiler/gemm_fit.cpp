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
/// Another device's figures are better known than those of any device.
constexpr double kCarriedOver = 0.5;

/// What is fitted, and where it stands in the model.
struct Parameter {
  Prior prior;
  double (*get)(const GemmModel&);
  void (*set)(GemmModel&, double);
};
using Parameters = std::vector<Parameter>;

void add(Parameters& parameters, Prior prior, double (*get)(const GemmModel&),
         void (*set)(GemmModel&, double)) {
  parameters.push_back({std::move(prior), get, set});
}

/// The same of a field of the model.
template <double GemmModel::*kField>
void add(Parameters& parameters, Prior prior) {
  add(
      parameters, std::move(prior), [](const GemmModel& model) { return model.*kField; },
      [](GemmModel& model, double x) { model.*kField = x; });
}

/// Of both forms. Products of short sides stream their operands, so tables hold both rates.
Parameters common_parameters() {
  Parameters all;
  add<&GemmModel::efficiency>(
      all, {.name = "efficiency", .centre = 0.75, .sigma = 0.5, .lower = 0.01, .upper = 1.5});
  add<&GemmModel::memory_efficiency>(
      all, {.name = "memory_efficiency", .centre = 0.8, .sigma = 0.3, .lower = 0.05, .upper = 1.5});
  add(
      all, {.name = "overhead", .centre = 2e-6, .sigma = 1.5, .lower = 1e-8, .upper = 1e-3},
      [](const GemmModel& model) { return model.overhead.value(); },
      [](GemmModel& model, double x) { model.overhead = Seconds(x); });
  return all;
}

void add_smooth(Parameters& all) {
  add<&GemmModel::m0>(all,
                      {.name = "m0", .centre = 20, .sigma = 1.5, .lower = 0.01, .upper = 1000});
  add<&GemmModel::n0>(all,
                      {.name = "n0", .centre = 20, .sigma = 1.5, .lower = 0.01, .upper = 1000});
  add<&GemmModel::k0>(all,
                      {.name = "k0", .centre = 30, .sigma = 1.5, .lower = 0.01, .upper = 1000});
}

/// Centres are near what the shipped GPUs have (topologies/calibrations/), a factor of 2 is one
/// sigma.
void add_waves(Parameters& all) {
  add<&GemmModel::k0>(all,
                      {.name = "k0", .centre = 100, .sigma = 0.8, .lower = 0.01, .upper = 500});
  add(
      all, {.name = "wave_hardness", .centre = 0.5, .sigma = 0.8, .lower = 0.001, .upper = 1},
      [](const GemmModel& model) { return model.waves->hardness; },
      [](GemmModel& model, double x) { model.waves->hardness = x; });
  add(
      all, {.name = "tile0", .centre = 20, .sigma = 0.8, .lower = 0.01, .upper = 300},
      [](const GemmModel& model) { return model.waves->tile0; },
      [](GemmModel& model, double x) { model.waves->tile0 = x; });
}

void add_burst(Parameters& all) {
  add<&GemmModel::burst_gain>(
      all, {.name = "burst_gain", .centre = 0.15, .sigma = 0.8, .lower = 0.001, .upper = 0.6});
  add(
      all, {.name = "burst_time", .centre = 1e-3, .sigma = 0.8, .lower = 1e-5, .upper = 2e-2},
      [](const GemmModel& model) { return model.burst_time.value(); },
      [](GemmModel& model, double x) { model.burst_time = Seconds(x); });
}

/// Rate of a gradient's product over forward's.
Prior pass_factor(std::string name) {
  return {.name = std::move(name), .centre = 1, .sigma = 0.2, .lower = 0.3, .upper = 1.45};
}

bool has(const Timed& timed, bool (*of_kind)(const TimedKernel&)) {
  return std::count_if(timed.begin(), timed.end(), of_kind) >= kLeastOfAKind;
}

/// Of how work grows with the shape.
Parameters shape_parameters(GemmForm form) {
  Parameters all = common_parameters();
  form == GemmForm::kWaves ? add_waves(all) : add_smooth(all);
  return all;
}

Parameters parameters_of(GemmForm form, const Timed& timed) {
  Parameters all = shape_parameters(form);
  if (has(timed, [](const auto& one) { return one.condition == Condition::kShortBenchmark; }))
    add_burst(all);
  if (has(timed, [](const auto& one) { return one.kernel.kind == KernelKind::kGemmDgrad; }))
    add<&GemmModel::dgrad_efficiency>(all, pass_factor("dgrad_efficiency"));
  if (has(timed, [](const auto& one) { return one.kernel.kind == KernelKind::kGemmWgrad; }))
    add<&GemmModel::wgrad_efficiency>(all, pass_factor("wgrad_efficiency"));
  return all;
}

/// The shapes of one fold, or those of the others. All kernels of a shape are in the same fold.
Timed part(const Timed& timed, std::uint32_t fold, bool of_fold) {
  Timed some;
  for (const TimedKernel& one : timed)
    if ((shape_hash(one.kernel) / 5 % kFolds == fold) == of_fold) some.push_back(one);
  return some;
}

/// `start`, with the values that fit best in the place of the parameters'.
GemmModel fitted(const Device& device, const Timed& timed, Dtype dtype,
                 const Parameters& parameters, const GemmModel& start) {
  const auto model_of = [&](const std::vector<double>& values) {
    GemmModel model = start;
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
  GemmModel start;
  if (form == GemmForm::kWaves) start.waves = TileWaves{};
  return fitted(device, timed, dtype, parameters_of(form, timed), start);
}

GemmModel refit_gemm_model(const Device& device, const Timed& timed, Dtype dtype,
                           const GemmModel& around) {
  Parameters parameters = shape_parameters(around.waves ? GemmForm::kWaves : GemmForm::kSmooth);
  for (Parameter& parameter : parameters) {
    Prior& prior = parameter.prior;
    prior.centre = std::clamp(parameter.get(around), prior.lower, prior.upper);
    prior.sigma *= kCarriedOver;
  }
  return fitted(device, timed, dtype, parameters, around);
}

GemmForm choose_gemm_form(const Device& device, const Timed& timed, Dtype dtype) {
  if (device.num_sms <= 1 || timed.size() < kLeastToChoose) return GemmForm::kSmooth;
  const double smooth = held_out_error(device, timed, dtype, GemmForm::kSmooth);
  const double waves = held_out_error(device, timed, dtype, GemmForm::kWaves);
  return waves < smooth ? GemmForm::kWaves : GemmForm::kSmooth;
}

}  // namespace stepcast
