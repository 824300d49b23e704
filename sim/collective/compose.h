// Schedules made of schedules: one after the other, one backwards, or transfer by transfer with
// steps found on the way.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "sim/collective/schedule.h"

namespace stepcast {

/// The schedule run backwards, receivers sending to senders and adding: all_gather becomes
/// reduce_scatter, broadcast becomes reduce. Each chunk must reach each participant once at the
/// most: the tree that spreads it is then the tree that sums it up.
CollectiveSchedule mirrored(const CollectiveSchedule& schedule);

/// `first`, then `second` on the same chunks, as one collective of `kind`.
CollectiveSchedule in_sequence(CollectiveSchedule first, const CollectiveSchedule& second,
                               CollectiveKind kind);

/// Puts transfers into steps: each goes as soon as its chunk has arrived at the sender and its lane
/// is free. Transfers are given in the order of their dependencies.
class StepPlanner {
 public:
  /// Keeps a reference.
  explicit StepPlanner(CollectiveSchedule& schedule);
  /// `transfer.step` is the earliest that it may have.
  void add(Transfer transfer);
  /// Sorts the schedule by steps.
  void finish();

 private:
  CollectiveSchedule& schedule_;
  std::vector<std::uint32_t> ready_;  // by participant and chunk: first step with all arrivals
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> free_;  // by sender and lane
};

}  // namespace stepcast
