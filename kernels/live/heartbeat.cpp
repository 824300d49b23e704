#include "kernels/live/heartbeat.h"

#include <tuple>

#include "kernels/live/process_facts.h"

namespace stepcast {
Heartbeats::Heartbeats(const Switchboard& board, double limit_s)
    : board_(board), limit_s_(limit_s), beats_(static_cast<std::size_t>(board.ranks())) {}

void Heartbeats::take_note(const std::vector<pid_t>& processes, double now_s) {
  const bool first = last_check_s_ < 0;
  const double absence = first ? 0 : now_s - last_check_s_;
  last_check_s_ = now_s;
  for (int rank = 0; rank < board_.ranks(); ++rank) {
    Beat& beat = beats_[static_cast<std::size_t>(rank)];
    const std::uint64_t count = board_.state(rank).heartbeat.load(std::memory_order_relaxed);
    if (first || count != beat.count) beat = {.count = count, .since_s = now_s};
    if (absence > kLongestAbsenceS) beat.since_s += absence;
    const bool runs = processes[static_cast<std::size_t>(rank)] != 0;
    beat.still_s = runs ? now_s - beat.since_s : 0;
  }
}

/// Stopped ranks first, then the one that has come least far.
int Heartbeats::culprit(const std::vector<pid_t>& processes) const {
  std::tuple<bool, std::uint64_t> least{true, ~std::uint64_t{0}};
  int found = -1;
  for (int rank = 0; rank < board_.ranks(); ++rank) {
    const Beat& beat = beats_[static_cast<std::size_t>(rank)];
    if (beat.still_s < limit_s_) continue;
    const bool stopped = is_stopped(processes[static_cast<std::size_t>(rank)]);
    const bool waits = board_.state(rank).doorbell.waits_for.load(std::memory_order_relaxed) != 0;
    const std::tuple key{!stopped, beat.count};
    if ((waits && !stopped) || key >= least) continue;
    least = key;
    found = rank;
  }
  return found;
}

std::optional<Heartbeats::Verdict> Heartbeats::check(const std::vector<pid_t>& processes,
                                                     double now_s) {
  take_note(processes, now_s);
  bool all_still = true;
  for (std::size_t rank = 0; rank < beats_.size(); ++rank)
    if (processes[rank] != 0 && beats_[rank].still_s < limit_s_) all_still = false;
  const int rank = culprit(processes);
  if (rank >= 0) {
    const auto index = static_cast<std::size_t>(rank);
    const double still = beats_[index].still_s;
    return Verdict{.rank = rank,
                   .what = is_stopped(processes[index]) ? stopped_for(still) : silent_for(still)};
  }
  if (!all_still) return std::nullopt;
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
