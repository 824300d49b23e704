#include "sim/ledger/fit.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "sim/ledger/prepared_row_model.h"
#include "sim/ledger/step_scenario.h"
#include "sim/ledger/validate.h"
#include "sim/report/report.h"

namespace stepcast {
namespace {

std::string column_of(const StepRow& row, const std::string& name) {
  if (name == "kind") return row.kind;
  if (name == "quality") return row.quality;
  if (name == "cluster") return row.cluster;
  if (name == "source") return row.source;
  if (name == "model") return row.model;
  if (name == "framework") return row.framework;
  if (name == "hidden_size") return std::to_string(row.hidden_size.value_or(0));
  if (name == "tp") return std::to_string(row.tp.value_or(1));
  if (name == "n_gpus") return std::to_string(row.num_gpus);
  throw Error(ErrorKind::kUsage, "rows can't be told apart by \"" + name +
                                     "\"; known: kind, quality, cluster, source, model, framework, "
                                     "hidden_size, tp, n_gpus");
}

bool takes_part(const StepRow& row, const FitOptions& options) {
  if (row.out_of_memory || !row.step_time_s || row.quality == "C") return false;
  const std::vector<std::string>& names = options.frameworks;
  if (names.empty() ? row.framework != options.stack
                    : std::find(names.begin(), names.end(), row.framework) == names.end())
    return false;
  return std::all_of(options.where.begin(), options.where.end(), [&](const auto& condition) {
    return column_of(row, condition.first).starts_with(condition.second);
  });
}

/// The rows that take part and can be predicted, and what is published of them.
struct FitRows {
  std::vector<PreparedRow> prepared;
  std::vector<StepRow> published;
  std::vector<std::pair<std::string, std::string>> skipped;
};

void take_row(const StepRow& row, RowLibrary& files, const StackProfile& stack, FitRows& rows) {
  auto outcome = express(row, files);
  if (const auto* reason = std::get_if<SkipReason>(&outcome)) {
    rows.skipped.emplace_back(row.id, reason->text);
    return;
  }
  Scenario scenario = std::move(std::get<ExpressedRow>(outcome).scenario);
  scenario.stack = stack;  // traits stay those of the row's own framework
  try {
    rows.prepared.push_back(prepare(std::move(scenario)));
    rows.published.push_back(row);
  } catch (const Error& error) {
    rows.skipped.emplace_back(row.id, error.what());
  }
}

FitRows prepare_rows(const std::string& ledger, const Library& library, const FitOptions& options) {
  const CsvTable table = read_csv_file(ledger);
  require_step_times(table);
  RowLibrary files(library, folder_of(table));
  const StackProfile stack = load_stack(options.stack, library).profile;
  FitRows rows;
  for (const CsvRecord& record : table.records) {
    const StepRow row = read_step_row(table, record);
    if (takes_part(row, options)) take_row(row, files, stack, rows);
  }
  if (rows.prepared.empty())
    throw Error(ErrorKind::kUnsupported,
                ledger + ": no row of stack \"" + options.stack + "\" can be predicted" +
                    (rows.skipped.empty()
                         ? ""
                         : "; " + rows.skipped.front().first + ": " + rows.skipped.front().second));
  return rows;
}

/// Rows that a worker can't simulate leave with a reason; returns the others' predictions.
std::vector<double> drop_failures(FitRows& rows, const WorkerPoolOptions& pool) {
  const std::vector<double> times = PreparedRowModel(rows.prepared, {}, pool).predict_unchanged();
  std::vector<double> kept;
  std::size_t to = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (!(times[i] > 0)) {
      rows.skipped.emplace_back(rows.published[i].id, "its simulation failed; see validate");
      continue;
    }
    if (to != i) {
      rows.prepared[to] = std::move(rows.prepared[i]);
      rows.published[to] = std::move(rows.published[i]);
    }
    ++to;
    kept.push_back(times[i]);
  }
  rows.prepared.erase(rows.prepared.begin() + static_cast<std::ptrdiff_t>(to), rows.prepared.end());
  rows.published.resize(to);
  if (kept.empty()) throw Error(ErrorKind::kUnsupported, "no row could be simulated");
  return kept;
}

/// Published single-node sweeps repeat one timing per (hidden size, tp, micro-batch): together they
/// weigh as one row.
std::vector<double> weights_of(const std::vector<StepRow>& rows) {
  const auto cell = [](const StepRow& row) {
    return std::array{row.hidden_size.value_or(0), row.tp.value_or(1),
                      row.micro_batch_size.value_or(1)};
  };
  std::map<std::array<std::int64_t, 3>, double> sizes;
  for (const StepRow& row : rows)
    if (row.kind.starts_with("singlenode")) ++sizes[cell(row)];
  std::vector<double> weights;
  for (const StepRow& row : rows)
    weights.push_back(row.kind.starts_with("singlenode") ? 1 / sizes[cell(row)] : 1);
  return weights;
}

std::vector<Prior> priors_of(const std::vector<const FitParameter*>& parameters,
                             const Scenario& row) {
  std::vector<Prior> priors;
  for (const FitParameter* parameter : parameters)
    priors.push_back({.name = std::string(parameter->name),
                      .centre = value_of(*parameter, row.stack, row.network_profile),
                      .sigma = parameter->sigma,
                      .lower = parameter->lower,
                      .upper = parameter->upper});
  return priors;
}

std::vector<FittedParameter> describe(const std::vector<Prior>& priors, const FitResult& result) {
  std::vector<FittedParameter> parameters;
  for (std::size_t j = 0; j < priors.size(); ++j) {
    const double value = result.at.values[j];
    constexpr double kClose = 1 + 1e-9;
    parameters.push_back(
        {.name = priors[j].name,
         .prior = priors[j].centre,
         .prior_sigma = priors[j].sigma,
         .value = value,
         .sigma = result.sigma[j],
         .at_bound = value <= priors[j].lower * kClose || value * kClose >= priors[j].upper});
  }
  return parameters;
}

template <typename Get>
ErrorSummary summarize_rows(const std::vector<FittedRow>& rows, Get get) {
  std::vector<double> errors;
  for (const FittedRow& row : rows)
    if (const std::optional<double> predicted = get(row))
      errors.push_back(*predicted / row.measured_s - 1);
  return summarize(errors);
}

/// Where the rows ran is where the fit holds.
void set_domain(const FitRows& rows, StackProfile& stack) {
  stack.fitted_generations.clear();
  stack.fitted_precisions.clear();
  const auto add = [](auto& list, const auto& value) {
    if (std::ranges::find(list, value) == list.end()) list.push_back(value);
  };
  for (const PreparedRow& row : rows.prepared) {
    add(stack.fitted_generations, row.scenario.topology.device.generation);
    add(stack.fitted_precisions, row.scenario.training.precision);
  }
}

/// How many parameters the data decided: each by what they narrowed of its prior's variance.
double freedom_of(const std::vector<FittedParameter>& parameters) {
  double freedom = 0;
  for (const FittedParameter& parameter : parameters) {
    const double left = parameter.sigma / parameter.prior_sigma;
    freedom += std::max(0.0, 1 - left * left);
  }
  return freedom;
}

void sum_up(StackFit& fit) {
  using Time = std::optional<double>;
  fit.before = summarize_rows(fit.rows, [](const FittedRow& row) { return Time(row.before_s); });
  fit.fitted = summarize_rows(fit.rows, [](const FittedRow& row) { return Time(row.fitted_s); });
  fit.left_out = summarize_rows(fit.rows, [](const FittedRow& row) { return row.left_out_s; });
  fit.stack.grade = Grade::kFitted;
  const double before = fit.stack.relative_sigma;
  fit.stack.relative_sigma = fit.rows.front().left_out_s.has_value()
                                 ? sigma_after_fit(fit.left_out, 0, before)
                                 : sigma_after_fit(fit.fitted, freedom_of(fit.parameters), before);
}

void keep_profiles(const std::vector<const FitParameter*>& parameters,
                   const std::vector<double>& values, const FitRows& rows, StackFit& fit) {
  const NetworkProfile& reference = rows.prepared.front().scenario.network_profile;
  for (const PreparedRow& row : rows.prepared) {
    const FittedProfiles profiles = put_in(parameters, values, row.scenario, reference);
    fit.stack = profiles.stack;
    set_domain(rows, fit.stack);
    fit.networks[profiles.network.name] = profiles.network;
  }
}

}  // namespace

std::string_view name_of(Determination determination) {
  switch (determination) {
    case Determination::kData:
      return "data";
    case Determination::kBoth:
      return "data and prior";
    case Determination::kPrior:
      return "prior";
  }
  return "";
}

Determination determination_of(double sigma, double prior_sigma) {
  if (sigma < 0.5 * prior_sigma) return Determination::kData;
  return sigma > 0.9 * prior_sigma ? Determination::kPrior : Determination::kBoth;
}

double sigma_after_fit(const ErrorSummary& errors, double freedom, double before) {
  constexpr double kRowsOfBefore = 10;
  const double seen = errors.p90_abs / kSigmasOf90Percent;
  const double rows = static_cast<double>(errors.rows);
  return std::sqrt((kRowsOfBefore * before * before + rows * seen * seen) /
                   (kRowsOfBefore + std::max(0.0, rows - freedom)));
}

std::vector<std::optional<double>> leave_groups_out(RowModel& model,
                                                    const std::vector<Prior>& priors,
                                                    const FitData& data, const FitPoint& all,
                                                    const std::vector<std::string>& groups) {
  std::vector<std::optional<double>> left_out(groups.size());
  const std::set<std::string> names(groups.begin(), groups.end());
  if (names.size() < 2) return left_out;
  for (const std::string& name : names) {
    FitData rest = data;
    rest.weights.resize(groups.size(), 1.0);
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (groups[i] == name) rest.weights[i] = 0;
    const FitResult refit = refit_logs(model, priors, rest, all);
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (groups[i] == name) left_out[i] = refit.at.predicted[i];
  }
  return left_out;
}

StackFit fit_stack(const std::string& ledger, const Library& library, const FitOptions& options) {
  FitRows rows = prepare_rows(ledger, library, options);
  StackFit fit;
  fit.leave_out = options.leave_out;
  const std::vector<double> before = drop_failures(rows, options.pool);
  std::vector<const Scenario*> scenarios;
  for (const PreparedRow& row : rows.prepared) scenarios.push_back(&row.scenario);
  const std::vector<const FitParameter*> parameters = options.parameters.empty()
                                                          ? default_fit_parameters(scenarios)
                                                          : find_fit_parameters(options.parameters);
  const std::vector<Prior> priors = priors_of(parameters, *scenarios.front());
  FitData data{.measured = {}, .weights = weights_of(rows.published), .noise = options.noise};
  std::vector<std::string> groups;
  for (const StepRow& row : rows.published) {
    data.measured.push_back(*row.step_time_s);
    groups.push_back(options.leave_out.empty() ? "" : column_of(row, options.leave_out));
  }
  PreparedRowModel model(rows.prepared, parameters, options.pool);
  const FitResult result = fit_logs(model, priors, data);
  const auto left_out = leave_groups_out(model, priors, data, result.at, groups);
  for (std::size_t i = 0; i < rows.published.size(); ++i)
    fit.rows.push_back({.id = rows.published[i].id,
                        .group = groups[i],
                        .measured_s = data.measured[i],
                        .before_s = before[i],
                        .fitted_s = result.at.predicted[i],
                        .left_out_s = left_out[i]});
  fit.parameters = describe(priors, result);
  keep_profiles(parameters, result.at.values, rows, fit);
  sum_up(fit);
  fit.skipped = std::move(rows.skipped);
  return fit;
}

}  // namespace stepcast
