#include "sim/scenario/stack_domain.h"

#include <algorithm>

namespace stepcast {
namespace {

/// "a, b and c"
std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  return text;
}

/// Generations of the devices in use.
std::vector<std::string> generations_of(const Scenario& scenario) {
  std::vector<std::string> generations;
  const auto add = [&](std::uint32_t device) {
    const std::string& name = device_of(scenario, device).generation;
    if (std::ranges::find(generations, name) == generations.end()) generations.push_back(name);
  };
  if (scenario.device_of_rank.empty()) add(0);
  for (const std::uint32_t device : scenario.device_of_rank) add(device);
  return generations;
}

bool knows_generation(const StackProfile& stack, const std::string& generation) {
  const std::vector<std::string>& fitted = stack.fitted_generations;
  return fitted.empty() || std::ranges::find(fitted, generation) != fitted.end();
}

/// fp16 and bf16 take the same kernels.
bool knows_precision(const StackProfile& stack, Dtype precision) {
  return stack.fitted_precisions.empty() ||
         std::ranges::any_of(stack.fitted_precisions,
                             [&](Dtype fitted) { return size_of(fitted) == size_of(precision); });
}

std::string domain_text(const StackProfile& stack) {
  std::vector<std::string> precisions;
  for (const Dtype precision : stack.fitted_precisions) precisions.emplace_back(name_of(precision));
  std::string text;
  if (!stack.fitted_generations.empty()) text += " on " + listed(stack.fitted_generations);
  if (!precisions.empty()) text += " in " + listed(precisions);
  return text;
}

}  // namespace

std::string beyond_fitted_domain(const Scenario& scenario) {
  const StackProfile& stack = scenario.stack;
  const Dtype precision = scenario.training.precision;
  const std::vector<std::string> generations = generations_of(scenario);
  const bool known = knows_precision(stack, precision) &&
                     std::ranges::all_of(generations, [&](const std::string& g) {
                       return knows_generation(stack, g);
                     });
  if (known) return "";
  return "stack \"" + stack.name + "\" was fitted" + domain_text(stack) + ", and this is " +
         std::string(name_of(precision)) + " on " + listed(generations) +
         ": its software (attention kernel, fusions, overlap) may be another; use a stack of such "
         "runs, or fit one (stepcast fit)";
}

Grade stack_grade(const Scenario& scenario) {
  const Grade own = scenario.stack.grade;
  return beyond_fitted_domain(scenario).empty() ? own : worst(own, Grade::kTransferred);
}

double stack_sigma(const Scenario& scenario) {
  const double own = scenario.stack.relative_sigma;
  return beyond_fitted_domain(scenario).empty() ? own : std::max(own, kCarriedOverSigma);
}

}  // namespace stepcast
