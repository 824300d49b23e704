// Algorithms whose loads are found when somebody asks for them, once per group. All but SHARP
// (switch_loads.h) are followed transfer by transfer: what their CollectiveSchedule loads in the
// fabric. A rank sends to one peer at a time, over its own NIC, or that of
// its place in the receiver's node; there are no channels.
//
// Two things are kept. By step, the time that the busiest link needs: the steps follow one another,
// so their sum is the time of the collective (schedule_timing.h). And over all steps together, the
// bytes that every link carries: the collective is one coupled transfer in which a link moves its
// share of them evenly from begin to end. So whoever runs beside it meets it on every link with its
// average rate, not with the rate of the step that is under way.
#pragma once

#include <string>
#include <vector>

#include "sim/collective/algorithms.h"
#include "sim/cost/collective_choices.h"
#include "sim/engine/link_weights.h"

namespace stepcast {

class GroupGeometry;

/// Whether an algorithm's loads are found so. Those of the others come with every group.
constexpr bool is_scheduled(Algorithm algorithm) { return !kUsualAlgorithms.contains(algorithm); }

struct ScheduledWay {
  CollectiveKind kind{};
  Algorithm algorithm{};
  bool operator==(const ScheduledWay&) const = default;
};

/// Those that a choice asks for, and those that all of `choices` do, by kind.
std::vector<ScheduledWay> scheduled_ways(CollectiveKind kind, const CollectiveChoice& choice);
std::vector<ScheduledWay> scheduled_ways(const CollectiveChoices& choices);

struct ScheduleStep {
  /// Seconds that the busiest link inside nodes, and the busiest between them, needs at nominal
  /// capacity when a chunk has one byte. 0: nothing goes there.
  double intra = 0, inter = 0;
  Seconds latency;  ///< of the links, on the longest way
  bool operator==(const ScheduleStep&) const = default;
};

struct ScheduleLoads {
  ScheduledWay way;
  std::string refusal;  ///< why these GPUs can't do it; then all below is empty
  GroupShape shape;
  std::uint32_t chunks = 0;
  std::vector<ScheduleStep> steps;  ///< none of SHARP, whose parts all go at the same time
  /// The unit flow carries `chunks_per_unit` chunks from begin to end; as many of them as a link
  /// weighs pass it.
  LinkWeights links;
  std::uint32_t chunks_per_unit = 0;
  /// Nominal rate of the unit flow, as links inside nodes and between them allow it.
  double intra_rate = 0, inter_rate = 0;
};

/// The group's loads, or why it has none: see has_way() in collective_timing.h.
ScheduleLoads find_schedule_loads(const Fabric& fabric, const GroupGeometry& group,
                                  ScheduledWay way);

/// The schedule whose loads these are. They must have no refusal.
CollectiveSchedule schedule_of(const ScheduleLoads& loads);

}  // namespace stepcast
