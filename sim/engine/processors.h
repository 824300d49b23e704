// Cores and GPUs that several ranks share. Whoever computes on one has an equal part of it at every
// instant (processor sharing: what the slices of a scheduler come to when they are short beside a
// step), and all of it while the others wait: a rank's kernels are twice as slow beside a rank that
// computes too, and no slower beside one that stands in the bubble of its pipeline.
//
// To the network's clock such a processor is a link that carries one second of work per second, and
// a kernel a transfer over it. Kernels of the compute stream alone take part; waiting is free.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "sim/engine/flow_solver.h"
#include "sim/engine/overlap.h"
#include "sim/program/job.h"

namespace stepcast {

class Processors {
 public:
  /// `of_rank`: ranks with one number share a processor; empty: nobody shares. The links begin at
  /// number `first_link` of the solver.
  Processors(std::span<const std::uint32_t> of_rank, std::size_t first_link, FlowSolver& solver);

  bool is_shared(Rank rank) const { return !link_of_.empty() && link_of_[rank] != kNone; }
  /// Of the links, to be appended to the solver's.
  std::vector<double> capacities() const;
  /// Runs a kernel that takes `work` seconds alone, from `begin` (now or later) on; calls back at
  /// its end. Throws PostedTooLate when `begin` has passed.
  void run(Rank rank, double begin, double work, FlowSolver::Callback done);

 private:
  std::vector<std::uint32_t> link_of_;  // by rank; kNone: it has a processor of its own
  std::size_t num_shared_ = 0;
  FlowSolver& solver_;
};

/// All kernels of the compute stream: on a shared processor none of their ends is known before the
/// clock comes to it.
Overlap mark_all_kernels(const Program& program);

}  // namespace stepcast
