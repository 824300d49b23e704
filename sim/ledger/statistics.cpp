#include "sim/ledger/statistics.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::vector<double> sorted(std::span<const double> values) {
  std::vector<double> copy(values.begin(), values.end());
  std::sort(copy.begin(), copy.end());
  return copy;
}

int sign(double x) { return (x > 0) - (x < 0); }

}  // namespace

double mean(std::span<const double> values) {
  STEPCAST_CHECK(!values.empty(), "the mean of nothing");
  double sum = 0;  // of sorted values, so that the order of the rows does not show in the last bit
  for (const double value : sorted(values)) sum += value;
  return sum / static_cast<double>(values.size());
}

double percentile(std::span<const double> values, double p) {
  STEPCAST_CHECK(!values.empty() && p >= 0 && p <= 1, "a percentile of nothing, or outside 0 .. 1");
  const std::vector<double> order = sorted(values);
  const double place = p * static_cast<double>(order.size() - 1);
  const std::size_t below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, order.size() - 1);
  const double weight = place - static_cast<double>(below);
  return order[below] + weight * (order[above] - order[below]);
}

double median(std::span<const double> values) { return percentile(values, 0.5); }

ErrorSummary summarize(std::span<const double> signed_errors) {
  if (signed_errors.empty()) return {};
  std::vector<double> absolute;
  for (const double error : signed_errors) absolute.push_back(std::abs(error));
  return {.rows = std::ssize(signed_errors),
          .median_abs = median(absolute),
          .mean_abs = mean(absolute),
          .p90_abs = percentile(absolute, 0.9),
          .bias = median(signed_errors)};
}

std::optional<double> kendall_tau_b(std::span<const double> a, std::span<const double> b) {
  STEPCAST_CHECK(a.size() == b.size(), "two rankings of different things");
  std::int64_t difference = 0;  // concordant - discordant pairs
  std::int64_t untied_a = 0, untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = i + 1; j < a.size(); ++j) {
      const int order_a = sign(a[i] - a[j]), order_b = sign(b[i] - b[j]);
      difference += order_a * order_b;
      untied_a += order_a != 0;
      untied_b += order_b != 0;
    }
  }
  if (untied_a == 0 || untied_b == 0) return std::nullopt;
  return static_cast<double>(difference) /
         std::sqrt(static_cast<double>(untied_a) * static_cast<double>(untied_b));
}

double regret(std::span<const double> predicted, std::span<const double> measured) {
  STEPCAST_CHECK(predicted.size() == measured.size() && !measured.empty(), "nothing to pick from");
  const auto pick = std::min_element(predicted.begin(), predicted.end()) - predicted.begin();
  const double best = *std::min_element(measured.begin(), measured.end());
  return measured[static_cast<std::size_t>(pick)] / best - 1;
}

void OomCounts::add(bool predicted_oom, bool was_oom) {
  if (predicted_oom)
    ++(was_oom ? true_oom : false_oom);
  else
    ++(was_oom ? false_fit : true_fit);
}

double OomCounts::accuracy() const {
  return total() == 0 ? 0 : static_cast<double>(true_fit + true_oom) / static_cast<double>(total());
}

}  // namespace stepcast
