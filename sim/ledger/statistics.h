// Figures that sum up how good predictions are. Errors are signed and relative:
// predicted / measured - 1. All functions take values in any order and give the same bits whatever
// that order was.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace stepcast {

double mean(std::span<const double> values);  ///< `values` must not be empty, here and below
/// The p-quantile (p in 0 .. 1) by linear interpolation between order statistics: of the sorted x_0
/// .. x_{n-1}, the value at place p (n - 1) (Hyndman and Fan 1996, type 7; the default of NumPy and
/// R).
double percentile(std::span<const double> values, double p);
double median(std::span<const double> values);  ///< percentile(values, 0.5)

/// What is printed of a set of rows. Of no rows all figures are 0, and are printed as "-" and null.
struct ErrorSummary {
  std::int64_t rows = 0;
  double median_abs = 0;
  double mean_abs = 0;
  double p90_abs = 0;
  double bias = 0;  ///< median of the signed error
};
ErrorSummary summarize(std::span<const double> signed_errors);

/// Kendall's tau-b of two rankings of the same things: (concordant - discordant) / sqrt((pairs -
/// ties in a) (pairs - ties in b)). 1 = same order, -1 = reversed. Nothing when it is not defined:
/// fewer than two things, or all of a side tied. O(n^2).
std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b);

/// How much slower than the best measured one the thing is that the predictions would pick (the one
/// of least predicted time; the first of several): measured[pick] / min(measured) - 1.
double regret(std::span<const double> predicted, std::span<const double> measured);

/// Out-of-memory verdicts against what happened. "fit" and "oom" are what was predicted, true and
/// false say whether that is what happened.
struct OomCounts {
  std::int64_t true_fit = 0;   ///< predicted to fit, and ran
  std::int64_t true_oom = 0;   ///< predicted out of memory, and it was
  std::int64_t false_fit = 0;  ///< predicted to fit, ran out of memory
  std::int64_t false_oom = 0;  ///< predicted out of memory, yet ran

  void add(bool predicted_oom, bool was_oom);
  std::int64_t total() const { return true_fit + true_oom + false_fit + false_oom; }
  double accuracy() const;  ///< 0 of no rows
};

}  // namespace stepcast
