#include "kernels/live/round_profile.h"

#include <algorithm>
#include <limits>

#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

/// Seconds of a piece on a rank; 0: not known.
using Times = std::vector<std::vector<double>>;  // by rank, then piece

std::size_t rounds_of(const std::vector<RankRecords>& ranks) {
  std::size_t rounds = std::numeric_limits<std::size_t>::max();
  for (const RankRecords& rank : ranks) rounds = std::min(rounds, rank.rounds.size());
  return rounds;
}

/// Medians over the rounds that know.
Times median_times(const std::vector<RankRecords>& ranks, std::size_t pieces) {
  Times times(ranks.size(), std::vector<double>(pieces));
  for (std::size_t r = 0; r < ranks.size(); ++r)
    for (std::size_t piece = 0; piece < pieces; ++piece) {
      std::vector<double> known;
      for (std::size_t round = 0; round < rounds_of(ranks); ++round)
        if (const double time = ranks[r].rounds[round][piece]; time > 0) known.push_back(time);
      if (!known.empty()) times[r][piece] = median(known);
    }
  return times;
}

/// Of the ranks that know; 0 when none does.
double mean_over_ranks(const Times& times, std::size_t piece) {
  std::vector<double> known;
  for (const std::vector<double>& rank : times)
    if (rank[piece] > 0) known.push_back(rank[piece]);
  return known.empty() ? 0 : mean(known);
}

double largest_over_ranks(const Times& times, std::size_t piece) {
  double largest = 0;
  for (const std::vector<double>& rank : times) largest = std::max(largest, rank[piece]);
  return largest;
}

/// Kernels of one rank's step, in its own times over those of the profile.
double slowdown_of(const Program& program, const JobPieces& pieces, KernelState state,
                   const std::vector<double>& times, const MeasuredKernels& profile) {
  double own = 0, common = 0;
  for (const Call& call : program.calls)
    for (const Op& op : program.blocks[call.block].ops)
      if (const auto* compute = std::get_if<Compute>(&op.what)) {
        const auto at = std::ranges::find(pieces.kernels, compute->kernel);
        const double one = profile.find(compute->kernel)->time.value();
        const double time =
            times[pieces.kernel_at(state, static_cast<std::size_t>(at - pieces.kernels.begin()))];
        own += time > 0 ? time : one;
        common += one;
      }
  return common > 0 ? own / common : 1;
}

std::size_t ranks_of(const Job& job, GroupRole role) {
  for (const Group& group : job.groups)
    if (group.role == role) return group.ranks.size();
  return 1;
}

std::optional<RoundProfile> profile_of(const Job& job, const Times& times, KernelState state,
                                       std::string& missing) {
  const JobPieces pieces = pieces_of(job);
  RoundProfile profile;
  for (std::size_t k = 0; k < pieces.kernels.size(); ++k) {
    const Kernel& kernel = pieces.kernels[k];
    const double time = mean_over_ranks(times, pieces.kernel_at(state, k));
    if (time <= 0) missing = to_text(kernel);
    profile.kernels.set({.kernel = kernel, .time = Seconds(time)});
  }
  for (std::size_t c = 0; c < pieces.collectives.size(); ++c) {
    const JobPieces::Exchange& exchange = pieces.collectives[c];
    const double time = largest_over_ranks(times, pieces.collective_at(c));
    const std::size_t members = ranks_of(job, exchange.group);
    if (members < 2) continue;
    if (time <= 0) missing = name_of(exchange.kind);
    profile.transfers.set({.kind = exchange.kind,
                           .ranks = static_cast<std::int64_t>(members),
                           .size = exchange.size,
                           .time = Seconds(time)});
  }
  for (std::size_t m = 0; m < pieces.messages.size(); ++m) {
    const double time = mean_over_ranks(times, pieces.message_at(m));
    if (time <= 0) missing = "a message";
    profile.transfers.set(
        {.kind = {}, .ranks = 2, .size = pieces.messages[m], .time = Seconds(time)});
  }
  if (!missing.empty()) return {};
  for (std::size_t r = 0; r < times.size(); ++r)
    profile.slowdown.push_back(
        slowdown_of(job.programs[job.ranks[r].program], pieces, state, times[r], profile.kernels));
  return profile;
}

}  // namespace

std::optional<RoundProfile> round_profile(const Job& job, const std::vector<RankRecords>& ranks,
                                          std::size_t round, std::string& missing) {
  Times times = median_times(ranks, pieces_of(job).count());
  for (std::size_t r = 0; r < ranks.size(); ++r)
    for (std::size_t piece = 0; piece < times[r].size(); ++piece)
      if (const double time = ranks[r].rounds[round][piece]; time > 0) times[r][piece] = time;
  return profile_of(job, times, KernelState::kInPlace, missing);
}

std::optional<RoundProfile> median_profile(const Job& job, const std::vector<RankRecords>& ranks,
                                           KernelState state, std::string& missing) {
  return profile_of(job, median_times(ranks, pieces_of(job).count()), state, missing);
}

}  // namespace stepcast
