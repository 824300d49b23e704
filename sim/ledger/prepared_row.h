// A published row made ready to be predicted again and again: its programs and its fabric, built
// and verified once, and whatever the engine finds out without knowing costs. Validation predicts
// it with the profiles as shipped, fitting with many others.
#pragma once

#include <memory>

#include "sim/report/report.h"
#include "sim/stepcast.h"

namespace stepcast {

struct PreparedRow {
  Scenario scenario;
  // The simulator refers to the two before it, so all stay where they are when the row is moved.
  std::unique_ptr<const Job> job;
  std::unique_ptr<const Fabric> fabric;
  std::unique_ptr<const Simulator> simulator;

  /// Step time with these profiles in place of the scenario's. Throws Error(kUnsupported) when a
  /// kernel can't be timed. Starts the process's SimGrid engine.
  Seconds predict(const StackProfile& stack, const NetworkProfile& network) const;
  /// Everything that a report says, with the scenario's own profiles.
  Report report() const;
  /// Memory without a simulation: the fullest stage. This is all that a run that did not fit needs.
  StageMemory fullest_stage() const;
};

/// Lowers and verifies. The plan must have passed check_plan. Throws Error(kUnsupported) for what
/// lowering can't express, Error(kInfeasible) when the topology has too few GPUs, and InternalError
/// when the programs are unsound.
PreparedRow prepare(Scenario scenario);

}  // namespace stepcast
