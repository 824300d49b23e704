#include "sim/ledger/collective_calibration.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "sim/base/plain_text.h"
#include "sim/cost/network_fields.h"
#include "sim/ledger/collective_model.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

/// More than in the fit of shared profiles: what one sweep shows at a size says little of the next
/// sweep, and what is left at its own sizes goes into corrections. (`calibrate-network --one-sweep`
/// with 0.03 to 1: the same sweep wants less, a system's other sweeps 0.2 to 0.3.)
constexpr double kNoise = 0.22;
/// Bounds of a correction: what is off by more is no residue of the closed forms.
constexpr double kLeastFactor = 0.4, kMostFactor = 2.5;
constexpr double kLeastSigma = 0.02;
constexpr std::int64_t kMostPerHost = 16;  ///< GPUs; larger nodes are racks

using SweepKey = std::tuple<BenchOp, std::int64_t, std::int64_t>;  ///< op, ranks, nodes

SweepKey key_of(const CollectiveSample& sample) {
  return {sample.row.op, sample.row.ranks, sample.row.nodes};
}

/// Measured over fitted, by sweep and size; the median where a size was timed more than once.
std::vector<CollectiveCorrection> corrections_of(const std::vector<CalibratedSample>& samples) {
  std::map<SweepKey, std::map<std::int64_t, std::vector<double>>> ratios;
  for (const CalibratedSample& fitted : samples)
    if (fitted.sample->row.settings.launch == BenchLaunch::kProcessPerGpu)
      ratios[key_of(*fitted.sample)][fitted.sample->row.size].push_back(
          fitted.sample->measured_s() / fitted.fitted_s);
  std::vector<CollectiveCorrection> corrections;
  for (const auto& [sweep, by_size] : ratios) {
    CollectiveCorrection correction{.op = std::string(name_of(std::get<0>(sweep))),
                                    .ranks = std::get<1>(sweep),
                                    .nodes = std::get<2>(sweep),
                                    .sizes = {},
                                    .factors = {}};
    for (const auto& [size, factors] : by_size) {
      correction.sizes.push_back(size);
      correction.factors.push_back(std::clamp(median(factors), kLeastFactor, kMostFactor));
    }
    corrections.push_back(std::move(correction));
  }
  return corrections;
}

CollectiveDomain domain_of(const std::vector<const CollectiveSample*>& samples) {
  CollectiveDomain domain;
  domain.min_size = samples.front()->row.size;
  for (const CollectiveSample* sample : samples) {
    const std::string op(name_of(sample->row.op));
    if (std::find(domain.ops.begin(), domain.ops.end(), op) == domain.ops.end())
      domain.ops.push_back(op);
    domain.min_size = std::min(domain.min_size, sample->row.size);
    domain.max_size = std::max(domain.max_size, sample->row.size);
    domain.max_ranks = std::max(domain.max_ranks, sample->row.ranks);
    domain.max_nodes = std::max(domain.max_nodes, sample->row.nodes);
  }
  return domain;
}

/// Of the closed forms: two thirds of the samples are nearer than this.
double sigma_of(const std::vector<CalibratedSample>& samples) {
  std::vector<double> errors;
  for (const CalibratedSample& fitted : samples)
    errors.push_back(std::abs(fitted.fitted_s / fitted.sample->measured_s() - 1));
  return std::max(kLeastSigma, percentile(errors, 0.68));
}

/// A line of a table as a run of one point. Throws Error(kInput), without the place.
NcclTestsRun run_of(const std::string& file, int line, const CsvCells& cells) {
  NcclTestsRun run{.file = file,
                   .op = find_bench_op(cells.text("collective")),
                   .ranks = cells.integer("n_gpus").value_or(0),
                   .hosts = cells.integer("nodes").value_or(0),
                   .launch = launch_of(cells.text("notes")),
                   .points = {{.line = line,
                               .size = cells.integer("size_bytes").value_or(0),
                               .time_us = cells.number("time_us").value_or(0)}}};
  const NcclTestsPoint& point = run.points.front();
  if (run.ranks < 1 || run.hosts < 1 || run.hosts > run.ranks || point.size < 1 ||
      !(point.time_us > 0))
    throw Error(ErrorKind::kInput,
                "n_gpus, nodes, size_bytes and time_us must be above 0, and nodes at most n_gpus");
  return run;
}

}  // namespace

Calibration calibrate(const std::vector<const CollectiveSample*>& samples,
                      const NetworkProfile& base, const std::string& name) {
  if (samples.empty()) throw Error(ErrorKind::kUnsupported, "no timing is left to calibrate by");
  const std::vector<CollectiveParameter> parameters = calibration_parameters(base);
  FitData data{.measured = {}, .weights = {}, .noise = kNoise};
  ProfilesByUse bases;
  for (const CollectiveSample* sample : samples) {
    data.measured.push_back(sample->measured_s());
    data.weights.push_back(1);
    bases.emplace(std::pair(sample->network, sample->generation), base);
  }
  CollectiveModel model(samples, parameters, bases);
  const FitResult fit = fit_logs(model, priors_of(parameters), data);

  Calibration result;
  result.profile = base;
  result.profile.name = name;
  result.profile.grade = Grade::kFitted;
  result.profile.generations.clear();
  result.profile.corrections.clear();
  set_parameters(parameters, fit.at.values, "", "", result.profile);
  for (std::size_t i = 0; i < parameters.size(); ++i)
    result.parameters.push_back({.name = parameters[i].prior.name,
                                 .before = parameters[i].prior.centre,
                                 .value = fit.at.values[i],
                                 .sigma = fit.sigma[i]});
  for (std::size_t i = 0; i < samples.size(); ++i)
    result.samples.push_back({.sample = samples[i],
                              .before_s = samples[i]->predicted_s(base),
                              .fitted_s = fit.at.predicted[i],
                              .corrected_s = 0});
  result.profile.relative_sigma = sigma_of(result.samples);
  result.profile.domain = domain_of(samples);
  result.profile.corrections = corrections_of(result.samples);
  for (CalibratedSample& sample : result.samples)
    sample.corrected_s = sample.sample->predicted_s(result.profile);
  return result;
}

void add_table(const std::string& file, const Topology& topology, CollectiveSamples& set) {
  const CsvTable table = read_csv_file(file);
  require_collective_columns(table, {});
  std::vector<Problem> problems;
  for (const CsvRecord& record : table.records) {
    const CsvCells cells(table, record);
    if (const std::string quality = cells.text("quality"); !quality.empty() && quality != "ok")
      continue;
    try {
      add_run(run_of(file, record.line, cells), topology, set);
    } catch (const Error& error) {
      problems.push_back(
          {.file = file, .line = record.line, .column = 0, .path = {}, .message = error.what()});
    }
  }
  if (!problems.empty()) throw Error(ErrorKind::kInput, std::move(problems));
}

void add_run(const NcclTestsRun& run, const Topology& topology, CollectiveSamples& set) {
  CollectiveSystem system;
  system.name = topology.name;
  system.network_profile = topology.network_profile;
  system.topology = topology;
  TimedCollective row;
  row.op = run.op;
  row.ranks = run.ranks;
  row.nodes = topology.node.gpus > kMostPerHost
                  ? (run.ranks + topology.node.gpus - 1) / topology.node.gpus
                  : run.hosts;
  row.per_node = (run.ranks + row.nodes - 1) / row.nodes;
  row.nic_bandwidth = topology.node.nic_bandwidth;
  row.settings.launch = run.launch;
  if (row.nodes > topology.num_nodes || row.per_node > topology.node.gpus)
    throw Error(ErrorKind::kInput,
                run.file + ": " + counted(run.ranks, "rank") + " on " + counted(row.nodes, "node") +
                    " are more than topology \"" + topology.name + "\" has (" +
                    std::to_string(topology.num_nodes) + " of " +
                    counted(topology.node.gpus, "GPU") + "); pass the machine's own topology");
  const CollectiveBench& bench = set.benches.bench(system, row);
  for (const NcclTestsPoint& point : run.points) {
    row.size = point.size;
    row.time_us = point.time_us;
    set.samples.push_back({.id = run.file + ":" + std::to_string(point.line),
                           .system = system.name,
                           .sweep = run.file,
                           .network = topology.network_profile,
                           .generation = topology.device.generation,
                           .row = row,
                           .bench = &bench});
  }
}

}  // namespace stepcast
