// Whether a stack knows what it is asked: its costs were fitted on some generations of GPU and in
// some precisions, and stand for the software of those runs.
#pragma once

#include "sim/scenario/scenario.h"

namespace stepcast {

/// What a step is off by, one sigma, where no run of the stack on such a GPU has calibrated it
/// (README.md: 15 to 30 %).
inline constexpr double kCarriedOverSigma = 0.2;

/// "stack \"megatron-lm\" was fitted on ampere in fp16 and bf16, and this is fp8 on hopper: ...".
/// Empty where it was fitted on all devices that the scenario uses, in a precision of as many
/// bits, or where its file does not say.
std::string beyond_fitted_domain(const Scenario& scenario);

/// The stack's, at best transferred beyond its domain.
Grade stack_grade(const Scenario& scenario);
/// The stack's sigma, at least kCarriedOverSigma beyond its domain.
double stack_sigma(const Scenario& scenario);

}  // namespace stepcast
