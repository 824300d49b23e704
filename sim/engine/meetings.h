// Where ranks meet: a collective or a message starts when the last of its participants has posted
// it, and ends for all at once. In between lie the network's latency and its flow.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "sim/engine/channel_plans.h"
#include "sim/engine/flow_solver.h"

namespace stepcast {

/// Of a time that has not been found out yet. No time is below zero.
inline constexpr double kUnknown = -1;

/// One transfer of a channel class.
struct Meeting {
  double start = 0;  ///< latest post; final when `missing` is 0
  double end = kUnknown;
  std::uint32_t missing = kNone;  ///< participants that have not posted; kNone: nobody has
};

/// Thrown when a flow should have started before the network's present: lanes were joined that
/// depend on each other through another rank. What was found out so far is void.
struct PostedTooLate {};

/// Whether `date` is before the network's present `now`, beyond the resolution of its clock.
bool has_passed(double date, double now);

class Meetings {
 public:
  using MeetingId = std::uint32_t;
  /// Carries a transfer over the network, latency included, from `start` (now or later) on; calls
  /// back when it has ended.
  using Carrier = std::function<void(std::uint32_t channel_class, std::uint32_t transfer,
                                     double start, FlowSolver::Callback done)>;
  /// Told that a meeting's end has become known.
  using Listener = std::function<void(const ChannelClass& channel, MeetingId meeting)>;

  Meetings(const FoldedChannels& channels, ChannelPlans& plans, FlowSolver& solver,
           Listener listener);
  /// Replaces the one coupled flow per transfer (Fidelity::kMessage).
  void set_carrier(Carrier carrier) { carrier_ = std::move(carrier); }

  /// Every transfer must begin now or later, even one that is no flow: somebody looks at what runs
  /// at each moment (kernel_pace.h).
  void require_order() { in_order_ = true; }

  /// A participant is ready at `time` for the `ordinal`-th transfer of the channel. Throws
  /// PostedTooLate.
  MeetingId post(std::uint32_t channel_class, std::uint32_t ordinal, std::uint32_t transfer,
                 double time);
  const Meeting& meeting(MeetingId id) const { return meetings_[id]; }
  MeetingId id_of(std::uint32_t channel_class, std::uint32_t ordinal) const {
    return channels_.classes()[channel_class].first_use + ordinal;
  }

 private:
  void carry_as_flow(std::uint32_t channel_class, std::uint32_t transfer, double start,
                     FlowSolver::Callback done);
  void begin(std::uint32_t channel_class, std::uint32_t transfer, MeetingId id);
  void finish(std::uint32_t channel_class, MeetingId id, double end);

  const FoldedChannels& channels_;
  ChannelPlans& plans_;
  FlowSolver& solver_;
  Listener listener_;
  Carrier carrier_;
  std::vector<Meeting> meetings_;
  bool in_order_ = false;
};

}  // namespace stepcast
