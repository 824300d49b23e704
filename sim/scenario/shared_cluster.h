// Several scenarios on one cluster at the same time: which GPUs each has, when it begins, how many
// steps it takes. scenarios/README.md describes the file.
#pragma once

#include <string>
#include <vector>

#include "sim/scenario/scenario.h"

namespace stepcast {

struct ClusterJob {
  std::string name;  ///< unlike those of the others
  Scenario scenario;
  std::vector<std::uint32_t> gpus;  ///< by rank; no two jobs have one in common
  Seconds start;
  std::uint32_t steps = 1;  ///< training steps, one after the other
};

struct SharedCluster {
  std::string file;
  std::string name;
  Topology topology;  ///< of all jobs
  std::vector<ClusterJob> jobs;

  std::uint32_t num_gpus() const;  ///< up to the last one in use
};

/// A shipped name, or a path that may lead anywhere. Throws one Error with every mistake of all
/// files: those of load_scenario(), and kInput when jobs share GPUs or the topology has not enough,
/// naming the jobs.
SharedCluster load_shared_cluster(const std::string& name_or_path, const Library& library);

}  // namespace stepcast
