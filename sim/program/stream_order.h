// Which ops have surely ended when another one starts: vector clocks over the streams of one rank.
#pragma once

#include <algorithm>
#include <array>

#include "sim/program/program.h"

namespace stepcast {

/// For each stream, how many of its ops have surely ended.
struct StreamClock {
  std::array<std::uint32_t, kNumStreams> ended{};

  void join(const StreamClock& other) {
    for (int s = 0; s < kNumStreams; ++s) ended[s] = std::max(ended[s], other.ended[s]);
  }
  std::uint32_t& operator[](Stream stream) { return ended[static_cast<int>(stream)]; }
  std::uint32_t operator[](Stream stream) const { return ended[static_cast<int>(stream)]; }
};

/// Clocks of all streams while ops are issued one by one.
class StreamOrder {
 public:
  /// The next op of `stream`; returns its 1-based position there. Waits are joined before it is
  /// used.
  std::uint32_t issue(Stream stream) { return ++issued_[stream]; }
  void wait(Stream stream, const StreamClock& event) { at(stream).join(event); }
  /// What is known to have ended once everything issued so far on `stream` has.
  StreamClock drained(Stream stream) const {
    StreamClock clock = clocks_[static_cast<int>(stream)];
    clock[stream] = issued_[stream];
    return clock;
  }
  /// The CPU waits for `stream`: whatever is issued later on any stream starts after it.
  void host_wait(Stream stream) {
    const StreamClock clock = drained(stream);
    for (StreamClock& other : clocks_) other.join(clock);
  }
  /// Has the op at `position` of stream `earlier` ended before the op last issued on `later`
  /// starts?
  bool ordered(Stream earlier, std::uint32_t position, Stream later) const {
    return earlier == later || clocks_[static_cast<int>(later)][earlier] >= position;
  }

 private:
  StreamClock& at(Stream stream) { return clocks_[static_cast<int>(stream)]; }
  std::array<StreamClock, kNumStreams> clocks_{};
  StreamClock issued_;
};

}  // namespace stepcast
