// `stepcast fit`: published step times in, one stack profile (and its network's figures) out, with
// what the data decided, what the prior did, and how far rows are off that the fit has not seen.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/ledger/log_fit.h"
#include "sim/ledger/statistics.h"
#include "sim/ledger/worker_pool.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

struct FitOptions {
  std::string stack;                    ///< name of a stack profile: what is fitted
  std::vector<std::string> frameworks;  ///< rows of these; empty: of the framework called `stack`
  /// Only rows whose column (kind, quality, cluster, source, model) begins with this, say {"kind",
  /// "pretrain-dense-3d"}. Rows of quality C, ran out of memory, or without a time never take part.
  std::vector<std::pair<std::string, std::string>> where;
  std::vector<std::string> parameters;  ///< empty: whatever matters to the rows
  std::string leave_out = "model";      ///< column whose values are left out in turn; empty: none
  double noise = 0.05;                  ///< see FitData
  WorkerPoolOptions pool;
};

/// How the posterior came about: the data narrowed the prior to less than half (kData), hardly at
/// all (kPrior, more than nine tenths left), or somewhat.
enum class Determination : std::uint8_t { kData, kBoth, kPrior };
std::string_view name_of(Determination determination);
Determination determination_of(double sigma, double prior_sigma);

struct FittedParameter {
  std::string name;
  double prior = 0;        ///< centre
  double prior_sigma = 0;  ///< of the logarithm
  double value = 0;
  double sigma = 0;
  bool at_bound = false;
  Determination determination() const { return determination_of(sigma, prior_sigma); }
};

struct FittedRow {
  std::string id;
  std::string group;  ///< value of the column that is left out
  double measured_s = 0;
  double before_s = 0;  ///< with the profiles as they were
  double fitted_s = 0;
  std::optional<double> left_out_s;  ///< fitted without its group
};

/// Standard deviation of a step, relative, after a fit: what `errors` of the rows say, and what the
/// stack said of itself `before`, which counts as much as ten rows: a 90th percentile of fewer is
/// their largest one. Errors of rows that the fit has seen are too small by the freedom that its
/// parameters had: `freedom` is how many of them the data decided, 0 for rows left out.
double sigma_after_fit(const ErrorSummary& errors, double freedom, double before);

struct StackFit {
  std::string leave_out;
  std::vector<FittedParameter> parameters;
  std::vector<FittedRow> rows;
  std::vector<std::pair<std::string, std::string>> skipped;  ///< id, reason
  ErrorSummary before, fitted, left_out;
  StackProfile stack;  ///< as fitted, with relative_sigma of sigma_after_fit
  std::map<std::string, NetworkProfile> networks;  ///< as fitted, by name
};

/// Throws Error: for files as validate() does, kInput for unknown parameters, kUnsupported when no
/// row can be expressed.
StackFit fit_stack(const std::string& ledger, const Library& library, const FitOptions& options);

/// Each group of rows predicted by a fit to the others, by row. Nothing with fewer than two groups.
std::vector<std::optional<double>> leave_groups_out(RowModel& model,
                                                    const std::vector<Prior>& priors,
                                                    const FitData& data, const FitPoint& all,
                                                    const std::vector<std::string>& groups);

std::string to_json(const StackFit& fit);
std::string to_table(const StackFit& fit);

}  // namespace stepcast
