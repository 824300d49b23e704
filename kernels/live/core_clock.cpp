#include "kernels/live/core_clock.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <charconv>
#include <string_view>

namespace stepcast {

double wall_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

LostTime::LostTime() : descriptor_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

LostTime::~LostTime() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

/// "on_core waiting_for_it slices", the times in nanoseconds [Linux, Documentation/scheduler/
/// sched-stats.rst].
double LostTime::seconds() const {
  char text[96];
  const ssize_t count = known() ? ::pread(descriptor_, text, sizeof text, 0) : 0;
  const std::string_view line(text, count > 0 ? static_cast<std::size_t>(count) : 0);
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return 0;
  long long nanoseconds = 0;
  std::from_chars(line.data() + space + 1, line.data() + line.size(), nanoseconds);
  return 1e-9 * static_cast<double>(nanoseconds);
}

}  // namespace stepcast
