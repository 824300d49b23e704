#include "sim/ledger/collective_fit.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "sim/cost/network_fields.h"
#include "sim/ledger/collective_model.h"

namespace stepcast {
namespace {

/// What a right model would still be off by: runs of one sweep differ by some per cent, and sweeps
/// have dips that no closed form has.
constexpr double kNoise = 0.2;

/// A system of n samples counts like sqrt(n): neither do large ones drown the others, nor does a
/// single figure weigh as much as a campaign. Broadcast, reduce and `left_out` count nothing.
std::vector<double> weights_of(const std::vector<const CollectiveSample*>& samples,
                               const std::string& left_out) {
  std::map<std::string, int> count;
  const auto counts = [&](const CollectiveSample& sample) {
    return is_fitted(sample.row.op) && sample.system != left_out;
  };
  for (const CollectiveSample* sample : samples) count[sample->system] += counts(*sample) ? 1 : 0;
  std::vector<double> weights;
  for (const CollectiveSample* sample : samples)
    weights.push_back(counts(*sample) ? 1 / std::sqrt(count[sample->system]) : 0.0);
  return weights;
}

/// To four digits, which is more than the data know.
std::vector<double> rounded(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values) {
    const double digit = std::pow(10.0, std::floor(std::log10(value)) - 3);
    result.push_back(std::round(value / digit) * digit);
  }
  return result;
}

/// The profile with the values in place, and those of every generation in its row.
NetworkProfile with_values(NetworkProfile profile,
                           const std::vector<CollectiveParameter>& parameters,
                           const std::vector<double>& values) {
  for (InterconnectGeneration& row : profile.generations) {
    NetworkProfile filled = for_generation(profile, row.generation);
    set_parameters(parameters, values, profile.name, row.generation, filled);
    for (auto& [key, value] : row.values) value = network_figure(filled, key);
  }
  set_parameters(parameters, values, profile.name, "", profile);
  return profile;
}

std::vector<NetworkProfile> with_values(const std::vector<NetworkProfile>& priors,
                                        const std::vector<CollectiveParameter>& parameters,
                                        const std::vector<double>& values) {
  std::vector<NetworkProfile> profiles;
  for (const NetworkProfile& prior : priors)
    profiles.push_back(with_values(prior, parameters, rounded(values)));
  return profiles;
}

}  // namespace

bool is_fitted(BenchOp op) { return op != BenchOp::kBroadcast && op != BenchOp::kReduce; }

SharedFit fit_shared_profiles(const CollectiveSamples& set, bool leave_out) {
  const std::vector<CollectiveParameter> parameters = shared_parameters();
  const std::vector<NetworkProfile> priors = shared_profiles();
  std::map<std::pair<std::string, std::string>, NetworkProfile> bases;
  std::vector<const CollectiveSample*> samples;
  std::set<std::string> systems;
  FitData data{.measured = {}, .weights = {}, .noise = kNoise};
  for (const CollectiveSample& sample : set.samples) {
    const auto base = std::find_if(priors.begin(), priors.end(), [&](const NetworkProfile& p) {
      return p.name == sample.network;
    });
    if (base == priors.end()) continue;
    bases.emplace(std::pair(sample.network, sample.generation),
                  for_generation(*base, sample.generation));
    samples.push_back(&sample);
    data.measured.push_back(sample.measured_s());
    systems.insert(sample.system);
  }
  CollectiveModel model(samples, parameters, std::move(bases));
  data.weights = weights_of(samples, "");
  const FitResult fit = fit_logs(model, priors_of(parameters), data);

  SharedFit result;
  result.values = fit.at.values;
  result.sigmas = fit.sigma;
  for (const CollectiveParameter& parameter : parameters) {
    result.parameters.push_back(parameter.prior.name);
    result.priors.push_back(parameter.prior.centre);
  }
  for (std::size_t i = 0; i < samples.size(); ++i)
    result.samples.push_back({.id = samples[i]->id,
                              .system = samples[i]->system,
                              .sweep = samples[i]->sweep,
                              .op = samples[i]->row.op,
                              .size = samples[i]->row.size,
                              .measured_s = data.measured[i],
                              .fitted_s = fit.at.predicted[i],
                              .left_out_s = {}});
  result.profiles = with_values(priors, parameters, fit.at.values);
  if (!leave_out) return result;
  for (const std::string& system : systems) {
    data.weights = weights_of(samples, system);
    const FitPoint others = fit_logs(model, priors_of(parameters), data).at;
    for (std::size_t i = 0; i < samples.size(); ++i)
      if (samples[i]->system == system) result.samples[i].left_out_s = others.predicted[i];
    result.profiles_without[system] = with_values(priors, parameters, others.values);
  }
  return result;
}

}  // namespace stepcast
