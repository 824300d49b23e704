// The network profile of one machine from its own timings: the shipped profile of its kind, with
// figures moved as far as the timings say, then a correction of what the closed forms still miss at
// the very sweeps and sizes that were timed.
#pragma once

#include <string>
#include <vector>

#include "sim/ledger/collective_samples.h"
#include "sim/ledger/nccl_tests.h"

namespace stepcast {

struct CalibratedParameter {
  std::string name;
  double before = 0, value = 0;
  double sigma = 0;  ///< of the logarithm
};

struct CalibratedSample {
  const CollectiveSample* sample = nullptr;
  double before_s = 0;     ///< by the profile it started from
  double fitted_s = 0;     ///< by the closed forms
  double corrected_s = 0;  ///< as the new profile predicts it
};

struct Calibration {
  NetworkProfile profile;  ///< filled, fitted, with domain and corrections
  std::vector<CalibratedParameter> parameters;
  std::vector<CalibratedSample> samples;
};

/// `base` is filled for the generation of all samples; the samples must outlive the result. Throws
/// Error(kUnsupported) when there is no sample.
Calibration calibrate(const std::vector<const CollectiveSample*>& samples,
                      const NetworkProfile& base, const std::string& name);

/// A log's points as samples of the topology it was run on. Hosts are nodes of the topology, unless
/// its nodes are larger than hosts (racks of one NVLink domain), which are then filled. Throws
/// Error(kInput) when the topology has not got so many GPUs.
void add_run(const NcclTestsRun& run, const Topology& topology, CollectiveSamples& set);

/// The rows of a table of collectives (collective, nodes, n_gpus, size_bytes, time_us, and quality
/// and notes where it has them) as samples of the topology. Throws Error as read_csv_file() and
/// add_run() do, and kInput with the line of a row that can't be.
void add_table(const std::string& file, const Topology& topology, CollectiveSamples& set);

std::string to_table(const Calibration& calibration);
std::string to_json(const Calibration& calibration);

}  // namespace stepcast
