// Processes that a test started, also those that it did not start itself, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace stepcast {

struct SeenProcess {
  pid_t id = 0, parent = 0;
  std::string name;  ///< /proc/PID/comm: a rank of a live run is "r3 step 120"

  bool is_rank(int rank) const { return name.starts_with("r" + std::to_string(rank) + " step "); }
  /// The step that the rank is in; -1: it is no rank, or in none yet. Those before it are kept.
  std::int64_t step() const;
};

/// Those that have `argument` in their command line, and have not ended. The path of a folder that
/// only this test has tells them from all others.
std::vector<SeenProcess> processes_with(const std::string& argument);

/// Calls `act` with a process, once `ready` says so of one with `argument`. Returns without that
/// when `over` is true.
void when_seen(const std::string& argument, const std::function<bool(const SeenProcess&)>& ready,
               const std::function<bool()>& over,
               const std::function<void(const SeenProcess&)>& act);

/// The test fails when some of them are left after a minute: long enough for any machine, and
/// nobody waits for it where all is well.
void expect_none_left(const std::string& argument);

}  // namespace stepcast
