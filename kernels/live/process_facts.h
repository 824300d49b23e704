// What the system says of processes and of itself, in the words of our messages.
#pragma once

#include <sys/types.h>

#include <string>

namespace stepcast {

std::string host_name();

/// "SIGKILL"
std::string signal_name(int signal);

/// State T or, under a debugger, t (proc(5)).
bool is_stopped(pid_t process);

/// Processes that the system killed for want of memory since it started; -1 where it doesn't tell.
long oom_kills();

/// "was killed by SIGKILL", and that memory ran out where the system has killed for it since
/// `oom_kills_before`.
std::string killed_by(int signal, long oom_kills_before);

}  // namespace stepcast
