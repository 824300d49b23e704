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
  /// Keeps references; `solver` must have been reset to effective_capacities() of both.
  MessageLevel(FlowSolver& solver, const Fabric& fabric, const NetworkProfile& profile);
  ~MessageLevel();

  /// Begins a collective now and calls back at its end. Runs the algorithm that plan_collective()
  /// chooses, or the profile prescribes; in-switch reduction as a ring.
  /// `group` must live until then.
  void start(const GroupGeometry& group, CollectiveKind kind, Bytes size,
             FlowSolver::Callback done);

  /// Begins a message from one GPU to another.
  void start_message(std::uint32_t from, std::uint32_t to, Bytes size, FlowSolver::Callback done);

 private:
  class Run;
  FlowSolver& solver_;
  const Fabric& fabric_;
  const NetworkProfile& profile_;
  std::vector<std::unique_ptr<Run>> runs_;  // under way
};

}  // namespace stepcast
