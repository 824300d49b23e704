// What the system says of processes and of itself, in the words of our messages.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "sim/base/quantity.h"

namespace stepcast {

std::string host_name();

/// The calling thread is "r3 step 120" from now on, for top and /proc/PID/comm.
void show_step(int rank, std::int64_t step);

/// "SIGKILL"
std::string signal_name(int signal);

/// State T or, under a debugger, t (proc(5)).
bool is_stopped(pid_t process);

struct HostMemory {
  Bytes total{0};
  Bytes left{0};  ///< for new processes, without swap
};
/// Nothing where the system doesn't tell.
std::optional<HostMemory> host_memory();

/// Processes that the system killed for want of memory since it started; -1 where it doesn't tell.
long oom_kills();

/// "was killed by SIGKILL", and that memory ran out where the system has killed for it since
/// `oom_kills_before`.
std::string killed_by(int signal, long oom_kills_before);

/// Who looks after ranks and was not called for longer than this was stopped itself, perhaps with
/// the ranks (Ctrl-Z): that time does not count against them.
inline constexpr double kLongestAbsenceS = 0.5;

/// "2.0 s"
std::string seconds_text(double seconds);
/// "was stopped (SIGSTOP or a debugger), for 2.0 s"
std::string stopped_for(double seconds);
/// "showed no sign of life for 2.0 s (--stand-still gives it more time)"
std::string silent_for(double seconds);

}  // namespace stepcast
