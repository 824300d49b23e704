#include "sim/ledger/collective_model.h"

namespace stepcast {

std::vector<std::vector<double>> CollectiveModel::predict(
    const std::vector<std::vector<double>>& points) {
  std::vector<std::vector<double>> times;
  for (const std::vector<double>& point : points) {
    ProfilesByUse profiles = bases_;
    for (auto& [use, profile] : profiles)
      set_parameters(parameters_, point, use.first, use.second, profile);
    auto& row = times.emplace_back();
    row.reserve(samples_.size());
    for (const CollectiveSample* sample : samples_)
      row.push_back(sample->predicted_s(profiles.at({sample->network, sample->generation})));
  }
  return times;
}

std::vector<Prior> priors_of(const std::vector<CollectiveParameter>& parameters) {
  std::vector<Prior> priors;
  for (const CollectiveParameter& parameter : parameters) priors.push_back(parameter.prior);
  return priors;
}

}  // namespace stepcast
