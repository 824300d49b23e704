// Collectives chunk by chunk: every Transfer of a CollectiveSchedule is a transfer of its own,
// every rank has one under way per channel and lane, and passes a chunk on when it has arrived. The
// reference that the coupled transfers of collective_flows.h are held against; affordable up to
// some 100 ranks.
//
// It takes the latencies and efficiencies of the profile, but not its fill terms (kappa), which
// stand for pipelining inside a chunk: so with them the closed form is the slower one.
#pragma once

#include <memory>

#include "sim/collective/schedule.h"
#include "sim/engine/collective_flows.h"
#include "sim/engine/flow_solver.h"

namespace stepcast {

class MessageLevel {
 public:
  /// Keeps references. `capacities`: bytes per second by link, to which `solver` has been reset: as
  /// much as any of the profiles gets out of it (effective_capacities()).
  MessageLevel(FlowSolver& solver, const Fabric& fabric, std::vector<double> capacities);
  ~MessageLevel();

  /// Begins a collective now and calls back at its end. Runs the algorithm that plan_collective()
  /// chooses, or the profile prescribes; in-switch reduction as a ring. `profile` and `group` must
  /// live until then.
  void start(const NetworkProfile& profile, const GroupGeometry& group, CollectiveKind kind,
             Bytes size, FlowSolver::Callback done);

  /// Begins a message from one GPU to another.
  void start_message(const NetworkProfile& profile, std::uint32_t from, std::uint32_t to,
                     Bytes size, FlowSolver::Callback done);

 private:
  class Run;
  FlowSolver& solver_;
  const Fabric& fabric_;
  std::vector<double> capacities_;
  std::vector<std::unique_ptr<Run>> runs_;  // under way
};

}  // namespace stepcast
