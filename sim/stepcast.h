// The front door: everything a program that embeds stepcast needs, in the order of use.
//
//   Library library = find_library();
//   Scenario scenario = load_scenario("scenarios/gpt3-175b-1024xa100.json", library);
//   Prediction prediction = predict(scenario);
//   std::puts(to_text(prediction.report.step_time).c_str());
#pragma once

#include "sim/engine/simulate.h"
#include "sim/lowering/lower.h"
#include "sim/memory/memory.h"
#include "sim/report/report.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/shared_cluster.h"

namespace stepcast {

/// The programs of all ranks, verified; ranks on different devices have programs of their own.
/// Throws Error(kUnsupported) for what can't be expressed, InternalError when lowering wrote an
/// unsound program.
Job build_programs(const Scenario& scenario);

/// By number of the device, as Program::device.
std::vector<CostModel> cost_models(const Scenario& scenario);
Fabric build_fabric(const Scenario& scenario);

struct Prediction {
  Job job;
  Simulation simulation;
  Report report;
};

/// All of it: lower, verify, simulate, report. Whether it fits in memory is in the report; nothing
/// is thrown for that. Errors are those of build_programs() and simulate(); they name the
/// scenario's file. Who shares a GPU is the topology's word: `processor` must be empty, and nothing
/// is folded where ranks do.
Prediction predict(const Scenario& scenario, const SimulateOptions& options = {});
/// The same with the scenario's programs at hand.
Prediction predict(const Scenario& scenario, Job job, const SimulateOptions& options);

/// What sharing the cluster means for one job.
struct JobOutcome {
  Seconds step_time_alone;  ///< mean over its steps, the other jobs' GPUs idle
  Seconds step_time;        ///< the same with all jobs running
  Grade grade{};
  double slowdown() const { return step_time / step_time_alone; }
};

struct SharedPrediction {
  std::vector<JobOutcome> jobs;  ///< in the order of SharedCluster::jobs
  Job job;                       ///< all of them as one: rank g is GPU g
  Simulation together;
};

/// Every job alone, then all of them together. A job's software gets the share of a link that its
/// own stack knows; the link itself carries what the best of the jobs' stacks gets out of it, alone
/// as together. Options are of the run together; `slowdown` and `start` must be empty. Errors are
/// those of build_programs() and simulate().
SharedPrediction predict(const SharedCluster& cluster, const SimulateOptions& options = {});

/// The memory part of the report alone: needs no simulation.
Report predict_memory(const Scenario& scenario, const Job& job);

}  // namespace stepcast
