#include "kernels/mpi/mpi_live_run.h"

#include <array>
#include <string>

#include "kernels/live/core_share.h"
#include "kernels/live/fingerprint.h"
#include "sim/base/error.h"
#include "sim/base/printed.h"
#include "sim/program/text.h"

namespace stepcast {
namespace {

/// Of all programs and places.
std::string text_of(const Job& job) {
  std::uint64_t hash = fingerprint("");
  for (const Program& program : job.programs) hash = fingerprint(to_text(program), hash);
  for (const RankPlace& place : job.ranks)
    hash = fingerprint(std::to_string(place.program) + ",", hash);
  return job.programs.front().name + " and others, " + std::to_string(job.ranks.size()) +
         " ranks, fingerprint " + std::to_string(hash);
}

/// What ranks must have in common beside their programs, or they wait for each other for ever.
std::string text_of(const LiveOptions& options) {
  return printed("%lld steps, %lld rounds of %lld, seed %llu, learning rate %g, stand-still %g s",
                 static_cast<long long>(options.steps), static_cast<long long>(options.rounds),
                 static_cast<long long>(options.steps_per_round),
                 static_cast<unsigned long long>(options.seed), options.adam.learning_rate,
                 options.stand_still_s);
}

/// A comparison takes what collectives need from points that hold for one node, and has ranks of a
/// core time kernels in turn, which those that wait in MPI would disturb: they never sleep.
void check_comparable(const MpiGroup& group, const CoreShare& share, bool on_cores) {
  for (int rank = 1; rank < group.ranks(); ++rank)
    if (group.node(rank) != group.node(0))
      throw Error(ErrorKind::kUnsupported, "--compare is for ranks of one node; rank 0 is on " +
                                               group.host(0) + ", and rank " +
                                               std::to_string(rank) + " on " + group.host(rank) +
                                               " shares no memory with it");
  if (on_cores && share.turns > 1)
    throw Error(ErrorKind::kUnsupported,
                "--compare under mpirun is for ranks with a core each, and up to " +
                    std::to_string(share.turns) +
                    " share one; leave mpirun out: stepcast live starts the ranks itself, and "
                    "those that wait leave the core to the others");
}

/// Where ranks run; the same for all.
CoreShare share_of_cores(MpiGroup& group) {
  CoreShare share;
  group.run([&](RankContext& context) {
    context.begin_operation("telling who shares a core");
    share = find_core_share(*context.world());
    return 0;
  });
  return share;
}

}  // namespace

void check_agreement(MpiGroup& group, const Job& job, const LiveOptions& options,
                     std::string_view choices, std::string_view version) {
  check_ranks(group, job);
  using Texts = std::array<std::string, 3>;
  const std::array<const char*, 3> names = {"version", "program", "options"};
  const Texts mine = {std::string(version), text_of(job),
                      text_of(options) + ", " + std::string(choices)};
  std::array<std::vector<std::string>, 3> all;
  group.run([&](RankContext& context) {
    context.begin_operation("agreeing on version, program and options");
    const auto world = context.world();
    for (std::size_t i = 0; i < mine.size(); ++i) all[i] = gather(*world, mine[i]);
    return 0;
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<SaidByRank> by_rank;
    for (int rank = 0; rank < group.ranks(); ++rank)
      by_rank.push_back({.host = group.host(rank), .text = all[i][static_cast<std::size_t>(rank)]});
    require_agreement(names[i], by_rank);
  }
}

void check_ranks(const MpiGroup& group, const Job& job) {
  if (static_cast<std::size_t>(group.ranks()) == job.ranks.size()) return;
  const std::string wanted = std::to_string(job.ranks.size());
  throw Error(ErrorKind::kInfeasible, "mpirun started " + std::to_string(group.ranks()) +
                                          " ranks, and the plan has " + wanted + ": mpirun -n " +
                                          wanted);
}

LiveOutcome outcome_of(const RankWitness& witness, const std::string& failure) {
  LiveOutcome outcome{.ranks = {}, .failure = failure};
  for (int rank = 0; rank < witness.ranks(); ++rank)
    outcome.ranks.push_back(read_records(witness.kept(rank)));
  return outcome;
}

LiveOutcome run_live_over_mpi(MpiGroup& group, const RankWitness& witness, const Job& job,
                              const LiveOptions& options) {
  check_live(job, options);
  const CoreShare share = share_of_cores(group);
  if (options.rounds > 0) check_comparable(group, share, options.platform->on_cores());
  const std::string failure = run_ranks(group, job, options);
  return group.rank() == 0 ? outcome_of(witness, failure)
                           : LiveOutcome{.ranks = {}, .failure = failure};
}

}  // namespace stepcast
