// Finds ranks that stand still: stopped ones, and ones in an endless loop. Neither shows as the end
// of a process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernels/live/switchboard.h"

namespace stepcast {

class Heartbeats {
 public:
  struct Verdict {
    int rank = -1;     ///< who stands still; -1: all wait for each other
    std::string what;  ///< in words
  };

  Heartbeats(const Switchboard& board, double limit_s);

  /// To be called some times per second with the processes by rank, 0 for those that have ended,
  /// and a monotonic clock. A rank that merely waits is not to blame as long as another one moves.
  std::optional<Verdict> check(const std::vector<pid_t>& processes, double now_s);

 private:
  struct Beat {
    std::uint64_t count = 0;
    double since_s = 0;  ///< when it was first seen
    double still_s = 0;  ///< of a running rank, at the last check
  };
  void take_note(const std::vector<pid_t>& processes, double now_s);
  int culprit(const std::vector<pid_t>& processes) const;
  std::string circle(const std::vector<pid_t>& processes) const;

  const Switchboard& board_;
  double limit_s_;
  double last_check_s_ = -1;
  std::vector<Beat> beats_;
};

}  // namespace stepcast
