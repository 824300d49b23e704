#include "sim/engine/kernel_pace.h"

#include <algorithm>
#include <limits>

namespace stepcast {
namespace {

constexpr double kForever = std::numeric_limits<double>::infinity();

double end_of(const Meeting& meeting) { return meeting.end == kUnknown ? kForever : meeting.end; }
bool has_begun(const Meeting& meeting) { return meeting.missing == 0; }

}  // namespace

KernelRates::KernelRates(const CostModel& costs) {
  const auto beside = [&](KernelFamily family) {
    return Beside{costs.rate_beside_collective(family), costs.rate_beside_p2p(family)};
  };
  products = beside(KernelFamily::kGemm);
  memory_bound = beside(KernelFamily::kMemoryBound);
}

PortSet KernelRates::slowing_ports() const {
  PortSet ports = kNoPorts;
  for (int i = 0; i < kNumPorts; ++i) {
    const Port port = static_cast<Port>(i);
    if (products.at(port) != 1 || memory_bound.at(port) != 1) ports |= set_of(port);
  }
  return ports;
}

void TransfersBeside::forget_before(double time) {
  std::erase_if(posted_, [&](const Posted& posted) {
    return stepcast::end_of(meetings_.meeting(posted.meeting)) <= time;
  });
}

double TransfersBeside::end_of(double begin, double work, const KernelRates::Beside& rates) const {
  for (double from = begin;;) {
    double rate = 1;
    double until = kForever;  // the rate holds
    for (const Posted& posted : posted_) {
      const Meeting& meeting = meetings_.meeting(posted.meeting);
      if (!has_begun(meeting)) continue;
      const double end = stepcast::end_of(meeting);
      if (from < meeting.start) {
        until = std::min(until, meeting.start);
      } else if (from < end) {
        rate *= rates.at(posted.port);
        until = std::min(until, end);
      }
    }
    const double ended = from + work / rate;
    if (ended <= until) return ended;
    work = std::max(0.0, work - (until - from) * rate);
    from = until;
  }
}

}  // namespace stepcast
