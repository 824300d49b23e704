#include "sim/ledger/prepared_row_model.h"

#include <cstring>
#include <limits>

namespace stepcast {
namespace {

std::string to_bytes(Seconds time) {
  const double seconds = time.value();
  return std::string(reinterpret_cast<const char*>(&seconds), sizeof seconds);
}

double from_bytes(const std::string& bytes) {
  double seconds = 0;
  STEPCAST_CHECK(bytes.size() == sizeof seconds, "a worker's answer has another size");
  std::memcpy(&seconds, bytes.data(), sizeof seconds);
  return seconds;
}

}  // namespace

FittedProfiles put_in(const std::vector<const FitParameter*>& parameters,
                      const std::vector<double>& values, const Scenario& row,
                      const NetworkProfile& reference) {
  FittedProfiles profiles{.stack = row.stack, .network = row.network_profile};
  for (std::size_t j = 0; j < parameters.size(); ++j) {
    const FitParameter& parameter = *parameters[j];
    double value = values[j];
    if (parameter.of_network())
      value *= value_of(parameter, row.stack, row.network_profile) /
               value_of(parameter, row.stack, reference);
    set_value(parameter, value, profiles.stack, profiles.network);
  }
  return profiles;
}

std::vector<std::vector<double>> PreparedRowModel::predict(
    const std::vector<std::vector<double>>& points) {
  // Row by row, so that neighbouring pieces of work differ in size and workers end together.
  const auto work = [&](std::size_t i) {
    const PreparedRow& row = rows_[i / points.size()];
    const FittedProfiles profiles = put_in(parameters_, points[i % points.size()], row.scenario,
                                           rows_.front().scenario.network_profile);
    return to_bytes(row.predict(profiles.stack, profiles.network));
  };
  const std::vector<WorkResult> results = map_in_workers(rows_.size() * points.size(), work, pool_);
  std::vector<std::vector<double>> times(points.size(), std::vector<double>(rows_.size()));
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::size_t row = i / points.size();
    if (!results[i].ok())
      throw Error(ErrorKind::kUnsupported, rows_[row].scenario.name + ": " + results[i].failure);
    times[i % points.size()][row] = from_bytes(results[i].bytes);
  }
  return times;
}

std::vector<double> PreparedRowModel::predict_unchanged() const {
  const auto work = [&](std::size_t i) {
    const Scenario& scenario = rows_[i].scenario;
    return to_bytes(rows_[i].predict(scenario.stack, scenario.network_profile));
  };
  std::vector<double> times;
  for (const WorkResult& result : map_in_workers(rows_.size(), work, pool_))
    times.push_back(result.ok() ? from_bytes(result.bytes)
                                : std::numeric_limits<double>::quiet_NaN());
  return times;
}

}  // namespace stepcast
