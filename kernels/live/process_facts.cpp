#include "kernels/live/process_facts.h"

#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <map>

#include "sim/base/printed.h"

namespace stepcast {
namespace {

/// The third field of /proc/PID/stat; '?' when the process is gone.
char process_state(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  // The name in parentheses may hold anything, also ")".
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 2 >= line.size()) return '?';
  return line[end_of_name + 2];
}

}  // namespace

std::string host_name() {
  std::array<char, 256> name{};
  ::gethostname(name.data(), name.size() - 1);
  return name.data();
}

void show_step(int rank, std::int64_t step) {
  const std::string name = "r" + std::to_string(rank) + " step " + std::to_string(step);
  ::prctl(PR_SET_NAME, name.c_str());  // the system cuts it after 15 characters
}

std::string signal_name(int signal) {
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? std::string("SIG") + name : "signal " + std::to_string(signal);
}

bool is_stopped(pid_t process) {
  const char state = process_state(process);
  return state == 'T' || state == 't';
}

std::optional<HostMemory> host_memory() {
  std::ifstream file("/proc/meminfo");
  std::map<std::string, std::int64_t> kib;
  std::string name, unit;
  for (std::int64_t value = 0; file >> name >> value && std::getline(file, unit);)
    kib[name] = value;
  if (!kib.contains("MemTotal:") || !kib.contains("MemAvailable:")) return std::nullopt;
  return HostMemory{.total = Bytes(kib["MemTotal:"] << 10),
                    .left = Bytes(kib["MemAvailable:"] << 10)};
}

long oom_kills() {
  std::ifstream file("/proc/vmstat");
  std::string name;
  for (long count = 0; file >> name >> count;)
    if (name == "oom_kill") return count;
  return -1;
}

std::string killed_by(int signal, long oom_kills_before) {
  const bool for_memory = signal == SIGKILL && oom_kills() > oom_kills_before;
  return "was killed by " + signal_name(signal) +
         (for_memory ? " (the system ran out of memory and ended the largest process)" : "");
}

std::string seconds_text(double seconds) { return printed("%.1f s", seconds); }

std::string stopped_for(double seconds) {
  return "was stopped (SIGSTOP or a debugger), for " + seconds_text(seconds);
}

std::string silent_for(double seconds) {
  return "showed no sign of life for " + seconds_text(seconds) +
         " (--stand-still gives it more time)";
}

}  // namespace stepcast
