#include "sim/ledger/collective_validation.h"

#include <filesystem>
#include <map>

#include "sim/ledger/collective_samples.h"

namespace stepcast {
namespace {

/// Profiles that several rows share.
class Profiles {
 public:
  explicit Profiles(const Library& library) : library_(library) {}
  const NetworkProfile& of(const CollectiveSystem& system) {
    const auto key = std::pair(system.network_profile, system.topology.device.generation);
    if (const auto found = profiles_.find(key); found != profiles_.end()) return found->second;
    return profiles_
        .emplace(key, for_generation(load_network_profile(key.first, library_), key.second))
        .first->second;
  }

 private:
  const Library& library_;
  std::map<std::pair<std::string, std::string>, NetworkProfile> profiles_;
};

RowAnswer answer_row(const CsvTable& table, const CsvRecord& record,
                     const std::map<std::string, CollectiveSystem>& systems,
                     CollectiveBenches& benches, Profiles& profiles) {
  const CsvCells cells(table, record);
  RowAnswer answer;
  answer.id = cells.text("id");
  if (answer.id.empty()) answer.id = "line " + std::to_string(record.line);
  for (const char* label : {"system", "collective", "quality"})
    answer.labels.emplace_back(label, cells.text(label));
  const auto system = systems.find(cells.text("system"));
  if (system == systems.end()) {
    answer.skipped = "collective_systems.csv beside the ledger does not describe system \"" +
                     cells.text("system") + "\"";
    return answer;
  }
  const TimedCollective row = read_collective_row(cells, system->second);
  answer.skipped = row.skipped;
  if (!answer.skipped.empty()) return answer;
  answer.labels.emplace_back("size", size_class(row.size));
  answer.labels.emplace_back("network", system->second.network_profile);
  answer.measured_s = row.time_us * 1e-6;
  try {
    const NetworkProfile& profile = profiles.of(system->second);
    const FlowPlan plan =
        benches.bench(system->second, row).plan(profile, Bytes(row.size), row.settings);
    answer.predicted_s = plan.uncontended.value();
    answer.grade = plan.grade;
    answer.relative_sigma = profile.relative_sigma;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported && error.kind() != ErrorKind::kIo) throw;
    answer.skipped = error.what();
  }
  return answer;
}

}  // namespace

std::vector<RowAnswer> answer_collectives(const CsvTable& table, const Library& library) {
  const std::filesystem::path beside =
      std::filesystem::path(table.file).parent_path() / "collective_systems.csv";
  std::map<std::string, CollectiveSystem> systems;
  if (std::filesystem::exists(beside))
    systems = read_collective_systems(read_csv_file(beside.string()));
  CollectiveBenches benches;
  Profiles profiles(library);
  std::vector<RowAnswer> answers;
  for (const CsvRecord& record : table.records)
    answers.push_back(answer_row(table, record, systems, benches, profiles));
  return answers;
}

}  // namespace stepcast
