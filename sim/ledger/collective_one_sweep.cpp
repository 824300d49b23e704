#include "sim/ledger/collective_one_sweep.h"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "sim/base/json_writer.h"
#include "sim/base/plain_text.h"
#include "sim/ledger/collective_calibration.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

constexpr std::size_t kLeastSamples = 8;

using Sweep = std::vector<const CollectiveSample*>;

/// By system, in order; the sweeps of each in order of their first row.
std::map<std::string, std::vector<Sweep>> sweeps_of(const CollectiveSamples& set) {
  std::map<std::string, std::vector<Sweep>> systems;
  for (const CollectiveSample& sample : set.samples) {
    if (!is_fitted(sample.row.op)) continue;
    std::vector<Sweep>& sweeps = systems[sample.system];
    Sweep* own = nullptr;
    for (Sweep& sweep : sweeps)
      if (sweep.front()->sweep == sample.sweep) own = &sweep;
    if (own == nullptr) own = &sweeps.emplace_back();
    own->push_back(&sample);
  }
  return systems;
}

/// What a user would run first: all_reduce, over the fewest nodes that are more than one, in many
/// sizes, on many ranks. Less is better.
std::tuple<bool, bool, std::int64_t, std::int64_t, std::int64_t> rank_of(const Sweep& sweep) {
  const TimedCollective& row = sweep.front()->row;
  return {row.op != BenchOp::kAllReduce || sweep.size() < kLeastSamples, row.nodes < 2, row.nodes,
          -std::ssize(sweep), -row.ranks};
}

const Sweep& chosen_of(const std::vector<Sweep>& sweeps) {
  const Sweep* best = &sweeps.front();
  for (const Sweep& sweep : sweeps) {
    if (rank_of(sweep) < rank_of(*best)) best = &sweep;
  }
  return *best;
}

/// Every second size of a sweep, from the first or the second on.
Sweep half_of(const Sweep& sweep, bool first) {
  std::set<std::int64_t> sizes;
  for (const CollectiveSample* sample : sweep) sizes.insert(sample->row.size);
  Sweep half;
  for (const CollectiveSample* sample : sweep) {
    const auto place = std::distance(sizes.begin(), sizes.find(sample->row.size));
    if ((place % 2 == 0) == first) half.push_back(sample);
  }
  return half;
}

/// Errors of a sweep, by sample, with corrections of a calibration that has not seen the sample's
/// size: what the corrections between sizes are worth.
std::map<const CollectiveSample*, double> errors_between_sizes(const Sweep& sweep,
                                                               const NetworkProfile& base,
                                                               const std::string& system) {
  std::map<const CollectiveSample*, double> errors;
  for (const bool first : {true, false}) {
    if (half_of(sweep, first).empty()) continue;  // one size, many times
    const NetworkProfile profile = calibrate(half_of(sweep, first), base, system).profile;
    for (const CollectiveSample* sample : half_of(sweep, !first))
      errors[sample] = sample->predicted_s(profile) / sample->measured_s() - 1;
  }
  return errors;
}

struct Line {
  std::string name, sizes;
  std::vector<double> shipped, fitted, corrected;
};

/// The three figures that matter: the sweep itself, large and medium, and the others, large.
std::vector<Line> lines_of(const std::vector<OneSweepError>& errors) {
  std::vector<Line> lines{
      {"the same sweep", std::string(size_class(1 << 20)), {}, {}, {}},
      {"the same sweep", std::string(size_class(8 << 10)), {}, {}, {}},
      {"the system's other sweeps", std::string(size_class(1 << 20)), {}, {}, {}},
      {"the system's other sweeps", std::string(size_class(8 << 10)), {}, {}, {}}};
  for (const OneSweepError& error : errors) {
    const std::string size(size_class(error.size));
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (lines[i].sizes != size || (i < 2) != error.calibrated_on) continue;
      lines[i].shipped.push_back(error.shipped);
      lines[i].fitted.push_back(error.fitted);
      lines[i].corrected.push_back(error.corrected);
    }
  }
  return lines;
}

std::map<std::string, std::vector<OneSweepError>> by_system(
    const std::vector<OneSweepError>& errors) {
  std::map<std::string, std::vector<OneSweepError>> systems;
  for (const OneSweepError& error : errors) systems[error.system].push_back(error);
  return systems;
}

/// A sample of the sweep that a system was calibrated on: every one has such a sweep.
const OneSweepError& calibrated_on(const std::vector<OneSweepError>& of_system) {
  const auto own = std::ranges::find_if(of_system, &OneSweepError::calibrated_on);
  STEPCAST_CHECK(own != of_system.end(), "a system that was calibrated on nothing");
  return *own;
}

void write_groups(const std::vector<OneSweepError>& errors, JsonWriter& json) {
  json.key("groups");
  json.begin_array();
  for (const Line& line : lines_of(errors)) {
    if (line.shipped.empty()) continue;
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("sweep", line.name);
    json.member("size", line.sizes);
    json.member("rows", static_cast<std::int64_t>(line.shipped.size()));
    json.member("shipped_median_abs", summarize(line.shipped).median_abs);
    json.member("fitted_median_abs", summarize(line.fitted).median_abs);
    json.member("corrected_median_abs", summarize(line.corrected).median_abs);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

StartingProfiles shipped_profiles(const Library& library) {
  return [&library](const std::string&, const std::string& network) {
    return load_network_profile(network, library);
  };
}

StartingProfiles profiles_without_system(const SharedFit& fit, const Library& library) {
  return [&](const std::string& system, const std::string& network) {
    const auto found = fit.profiles_without.find(system);
    if (found != fit.profiles_without.end())
      for (const NetworkProfile& profile : found->second)
        if (profile.name == network) return profile;
    return load_network_profile(network, library);
  };
}

std::vector<OneSweepError> calibrate_on_one_sweep(const CollectiveSamples& set,
                                                  const StartingProfiles& start) {
  std::vector<OneSweepError> errors;
  for (const auto& [system, sweeps] : sweeps_of(set)) {
    const Sweep& chosen = chosen_of(sweeps);
    if (chosen.size() < kLeastSamples) continue;
    const NetworkProfile base =
        for_generation(start(system, chosen.front()->network), chosen.front()->generation);
    const NetworkProfile profile = calibrate(chosen, base, system).profile;
    const auto between_sizes = errors_between_sizes(chosen, base, system);
    NetworkProfile uncorrected = profile;
    uncorrected.corrections.clear();
    for (const Sweep& sweep : sweeps)
      for (const CollectiveSample* sample : sweep) {
        const bool own = &sweep == &chosen;
        const double fitted = sample->predicted_s(uncorrected) / sample->measured_s() - 1;
        errors.push_back(
            {.system = system,
             .op = sample->row.op,
             .ranks = sample->row.ranks,
             .nodes = sample->row.nodes,
             .size = sample->row.size,
             .calibrated_on = own,
             .shipped = sample->predicted_s(base) / sample->measured_s() - 1,
             .fitted = fitted,
             .corrected = between_sizes.contains(sample) ? between_sizes.at(sample) : fitted});
      }
  }
  return errors;
}

std::string to_table(const std::vector<OneSweepError>& errors) {
  std::string text =
      "every system calibrated on one sweep; medians of the absolute errors in per cent\n"
      "(corrected: at sizes between those that the corrections have seen)\n";
  char cells[160];
  const auto print = [&](const std::vector<Line>& lines) {
    for (const Line& line : lines) {
      if (line.shipped.empty()) continue;
      std::snprintf(
          cells, sizeof cells, "%-27s %-15s %6zu %9.1f %9.1f %9.1f\n", line.name.c_str(),
          line.sizes.c_str(), line.shipped.size(), 100 * summarize(line.shipped).median_abs,
          100 * summarize(line.fitted).median_abs, 100 * summarize(line.corrected).median_abs);
      text += cells;
    }
  };
  std::snprintf(cells, sizeof cells, "%-27s %-15s %6s %9s %9s %9s\n", "", "size", "rows", "shipped",
                "fitted", "corrected");
  text += cells;
  print(lines_of(errors));
  for (const auto& [system, own] : by_system(errors)) {
    const OneSweepError& first = calibrated_on(own);
    text += "\n" + system + ": " + std::string(name_of(first.op)) + " on " +
            counted(first.ranks, "rank") + ", " + counted(first.nodes, "node") + "\n";
    print(lines_of(own));
  }
  return text;
}

std::string to_json(const std::vector<OneSweepError>& errors) {
  JsonWriter json;
  json.begin_object();
  write_groups(errors, json);
  json.key("systems");
  json.begin_array();
  for (const auto& [system, own] : by_system(errors)) {
    const OneSweepError& first = calibrated_on(own);
    json.begin_object();
    json.member("system", system);
    json.member("op", name_of(first.op));
    json.member("ranks", first.ranks);
    json.member("nodes", first.nodes);
    write_groups(own, json);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.text();
}

}  // namespace stepcast
