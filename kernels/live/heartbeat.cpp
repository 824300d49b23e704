#include "kernels/live/heartbeat.h"

#include <cstdio>
#include <fstream>

namespace stepcast {
namespace {

/// When we were not called for longer than this we were stopped ourselves, perhaps with the ranks
/// (Ctrl-Z): that time does not count against them.
constexpr double kLongestAbsence = 0.5;

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", seconds);
  return text;
}

}  // namespace

char process_state(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  // The name in parentheses may hold anything, also ")".
  const std::size_t end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 2 >= line.size()) return '?';
  return line[end_of_name + 2];
}

Heartbeats::Heartbeats(const Switchboard& board, double limit_s)
    : board_(board), limit_s_(limit_s), beats_(static_cast<std::size_t>(board.ranks())) {}

std::optional<Heartbeats::Verdict> Heartbeats::check(const std::vector<pid_t>& processes,
                                                     double now_s) {
  const bool first = last_check_s_ < 0;
  const double absence = first ? 0 : now_s - last_check_s_;
  last_check_s_ = now_s;
  bool one_moves = false;
  int culprit = -1;
  bool culprit_is_stopped = false;
  for (int rank = 0; rank < board_.ranks(); ++rank) {
    const pid_t process = processes[static_cast<std::size_t>(rank)];
    if (process == 0) continue;
    const RankState& state = board_.state(rank);
    Beat& beat = beats_[static_cast<std::size_t>(rank)];
    const std::uint64_t count = state.heartbeat.load(std::memory_order_relaxed);
    if (first || count != beat.count) beat = {.count = count, .since_s = now_s};
    if (absence > kLongestAbsence) beat.since_s += absence;
    if (now_s - beat.since_s < limit_s_) {
      one_moves = true;
      continue;
    }
    const char letter = process_state(process);
    const bool stopped = letter == 'T' || letter == 't';
    if (!stopped && state.doorbell.waits_for.load(std::memory_order_relaxed) != 0) continue;
    const bool worse =
        culprit < 0 || (stopped && !culprit_is_stopped) ||
        (stopped == culprit_is_stopped && count < beats_[static_cast<std::size_t>(culprit)].count);
    if (!worse) continue;
    culprit = rank;
    culprit_is_stopped = stopped;
  }
  if (culprit >= 0) {
    const double still_s = now_s - beats_[static_cast<std::size_t>(culprit)].since_s;
    return Verdict{.rank = culprit,
                   .what = (culprit_is_stopped ? "was stopped (SIGSTOP or a debugger), for "
                                               : "began no operation for ") +
                           seconds_text(still_s)};
  }
  if (one_moves) return std::nullopt;
  return Verdict{.rank = -1, .what = circle(processes)};
}

std::string Heartbeats::circle(const std::vector<pid_t>& processes) const {
  std::string text = "ranks wait for each other since " + seconds_text(limit_s_) + ":";
  for (int rank = 0; rank < board_.ranks(); ++rank) {
    if (processes[static_cast<std::size_t>(rank)] == 0) continue;
    const RankState& state = board_.state(rank);
    text += " rank " + std::to_string(rank) + " in \"" + state.last_operation() + "\" for rank " +
            std::to_string(int(state.doorbell.waits_for.load(std::memory_order_relaxed)) - 1) + ";";
  }
  text.pop_back();
  return text;
}

}  // namespace stepcast
