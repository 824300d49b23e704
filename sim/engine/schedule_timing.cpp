#include "sim/engine/schedule_timing.h"

#include <algorithm>

namespace stepcast {

Timing schedule_timing(const GroupGeometry& group, const NetworkProfile& profile,
                       const ScheduleLoads& loads, double size) {
  const ProtocolCosts& costs = profile.protocols[static_cast<std::size_t>(Protocol::kSimple)];
  const double chunk = size / loads.chunks;
  const Hops hops = ring_hops(group, profile, Protocol::kSimple, chunk);
  const double intra = profile.intra_efficiency * costs.ring_efficiency;
  const double inter = inter_efficiency_of(group, profile) * costs.ring_efficiency;
  Timing timing{.first = costs.base.value(), .step_fill = profile.ring_fill};
  for (const ScheduleStep& step : loads.steps) {
    timing.hops += (step.inter > 0 ? hops.inter : hops.intra) + step.latency.value();
    timing.transfer += chunk * std::max(step.intra / intra, step.inter / inter);
  }
  return timing;
}

}  // namespace stepcast
