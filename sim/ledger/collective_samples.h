// Timed collectives made ready for prediction: every one with the geometry of its group, which many
// share, so that another profile or size costs arithmetic only.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "sim/ledger/collective_rows.h"

namespace stepcast {

/// Geometries by system, operation, ranks, NIC rate and prescribed algorithms.
class CollectiveBenches {
 public:
  /// Stays valid as long as this object.
  const CollectiveBench& bench(const CollectiveSystem& system, const TimedCollective& row);

 private:
  std::map<std::tuple<std::string, BenchOp, std::int64_t, std::int64_t, double, AlgorithmSet>,
           CollectiveBench>
      benches_;
};

struct CollectiveSample {
  std::string id;
  std::string system;
  std::string sweep;       ///< op, ranks, nodes and the columns that tell runs apart
  std::string network;     ///< name of the profile for such a network
  std::string generation;  ///< of the GPUs
  TimedCollective row;
  const CollectiveBench* bench = nullptr;  ///< of the set's benches

  double measured_s() const { return row.time_us * 1e-6; }
  double predicted_s(const NetworkProfile& profile) const {
    return bench->plan(profile, Bytes(row.size), row.settings).uncontended.value();
  }
};

struct CollectiveSamples {
  std::vector<CollectiveSample> samples;
  std::vector<std::pair<std::string, std::string>> skipped;  ///< id, reason
  CollectiveBenches benches;
};

/// The rows of a table of collectives whose quality is "ok" or not stated; systems are those of
/// collective_systems.csv beside it. Throws Error as read_csv_file() does, and kInput when no row
/// can be used.
CollectiveSamples read_collective_samples(const std::string& file);

}  // namespace stepcast
