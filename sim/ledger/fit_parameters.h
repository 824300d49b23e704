// The parameters that `stepcast fit` may move: fields of the stack profile and of the network
// profile, by name, each with the width of its prior, physical bounds, and the rows on which it can
// matter.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sim/scenario/scenario.h"

namespace stepcast {

struct FitParameter {
  std::string_view name;  ///< "stack.gemm_efficiency", "network.inter_latency_factor"
  std::variant<double StackProfile::*, Seconds StackProfile::*, double NetworkProfile::*,
               Seconds NetworkProfile::*>
      field;
  double sigma = 0.3;  ///< of the prior, of the logarithm; its centre is the profile's value
  double lower = 0;    ///< bounds, in the field's unit (seconds for times)
  double upper = 0;
  /// Can the field change the step time of this scenario?
  bool (*matters)(const Scenario&) = nullptr;
  bool by_default = true;  ///< false: small or inseparable from others; fitted on request
  std::string_view description;

  bool of_network() const { return field.index() >= 2; }
};

std::span<const FitParameter> fit_parameter_table();

/// The parameters called `names`, in that order; a name may leave out "stack." or "network.".
/// Throws Error(kInput) listing what exists.
std::vector<const FitParameter*> find_fit_parameters(std::span<const std::string> names);

/// Those of `by_default` that matter to at least one of the scenarios and are not zero in its
/// profiles (a zero switches an effect off), in the order of the table.
std::vector<const FitParameter*> default_fit_parameters(const std::vector<const Scenario*>& rows);

double value_of(const FitParameter& parameter, const StackProfile& stack,
                const NetworkProfile& network);
void set_value(const FitParameter& parameter, double value, StackProfile& stack,
               NetworkProfile& network);

}  // namespace stepcast
