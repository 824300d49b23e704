// The fit of products. The cost model has two forms for how their work grows with their shape, and
// which one a device follows is a matter of measurement: the one is taken that is less off on
// shapes that its fit has not seen.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/profiler/profile_fit.h"

namespace stepcast {

/// smooth: rows and columns at which the rate is halved. waves: output tiles in waves over the SMs.
/// See GemmModel.
enum class GemmForm : std::uint8_t { kSmooth, kWaves };
std::string_view name_of(GemmForm form);

/// Rates, overhead and what the form has, by a robust fit with weak priors. dgrad and wgrad have
/// their factors, and short benchmarks their gain over training, where at least four kernels of
/// the kind were timed. Waves need a device with SMs.
GemmModel fit_gemm_model(const Device& device, const std::vector<TimedKernel>& timed, Dtype dtype,
                         GemmForm form);

/// A model of the same form, fitted to few kernels around what another device has: its values are
/// the centres of the priors, which are half as wide as those of a fit from nothing. Factors of
/// passes and bursts are kept.
GemmModel refit_gemm_model(const Device& device, const std::vector<TimedKernel>& timed, Dtype dtype,
                           const GemmModel& around);

/// Each form is fitted to two thirds of the shapes and judged on the others, three times over; the
/// one of the smaller mean |error| is chosen. A device of one SM (a core of a CPU) has no waves,
/// and of fewer than 24 shapes nothing can be learnt: those are smooth.
GemmForm choose_gemm_form(const Device& device, const std::vector<TimedKernel>& timed, Dtype dtype);

}  // namespace stepcast
