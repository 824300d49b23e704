// Watches the processes of a group, and ends them.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "kernels/live/heartbeat.h"
#include "kernels/live/process_group.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

class Supervisor {
 public:
  Supervisor(const Switchboard& board, const ProcessGroupOptions& options);
  /// Nobody is left running: kills and reaps who is.
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// `process` is a child of ours that runs the next rank. Throws Error(kIo).
  void add(pid_t process);

  /// Returns when all have ended; ends them when one fails or when `signals`, a signalfd, reports a
  /// signal. True: all are done.
  bool watch(int signals);

  const std::vector<RankOutcome>& outcomes() const { return outcomes_; }
  /// What went wrong, for the user.
  std::string failure() const;

 private:
  struct Process {
    pid_t pid = 0;
    int handle = -1;  ///< pidfd; -1 once reaped
  };
  int running() const;
  void poll_once(int signals, int timeout_ms);
  void reap(int rank);
  void record_signal(RankOutcome& outcome, int signal) const;
  void check_heartbeats();
  void end_all();
  void kill_all();

  const Switchboard& board_;
  ProcessGroupOptions options_;
  std::vector<Process> processes_;
  std::vector<RankOutcome> outcomes_;
  Heartbeats heartbeats_;
  std::string trouble_;  ///< of the group as a whole: a signal to us, ranks that wait in a circle
  std::vector<int> failed_;  ///< ranks, in the order in which it was noticed
  bool ending_ = false;
  long oom_kills_before_ = 0;
};

}  // namespace stepcast
