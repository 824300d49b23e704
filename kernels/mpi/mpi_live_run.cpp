#include "kernels/mpi/mpi_live_run.h"

#include <string>

#include "kernels/live/core_share.h"
#include "sim/base/error.h"
#include "sim/base/printed.h"
#include "sim/program/text.h"

namespace stepcast {
namespace {

/// FNV-1a of the text of all programs and places.
std::string fingerprint(const Job& job) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  const auto add = [&](std::string_view text) {
    for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  };
  for (const Program& program : job.programs) add(to_text(program));
  for (const RankPlace& place : job.ranks) add(std::to_string(place.program) + ",");
  return job.programs.front().name + " and others, " + std::to_string(job.ranks.size()) +
         " ranks, fingerprint " + std::to_string(hash);
}

/// What ranks must have in common beside their programs, or they wait for each other for ever.
std::string text_of(const LiveOptions& options) {
  return printed("%lld steps, %lld rounds of %lld, seed %llu, learning rate %g",
                 static_cast<long long>(options.steps), static_cast<long long>(options.rounds),
                 static_cast<long long>(options.steps_per_round),
                 static_cast<unsigned long long>(options.seed), options.adam.learning_rate);
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
CoreShare agree(MpiGroup& group, const Job& job, const LiveOptions& options,
                std::string_view version) {
  CoreShare share;
  group.run([&](RankContext& context) {
    context.begin_operation("agreeing on version and program");
    const auto world = context.world();
    check_agreement(*world, "version", version);
    check_agreement(*world, "program", fingerprint(job));
    check_agreement(*world, "options", text_of(options));
    share = find_core_share(*world);
    return 0;
  });
  return share;
}

}  // namespace

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
                              const LiveOptions& options, std::string_view version) {
  check_ranks(group, job);
  check_live(job, options);
  const CoreShare share = agree(group, job, options, version);
  if (options.rounds > 0) check_comparable(group, share, options.platform->on_cores());
  const std::string failure = run_ranks(group, job, options);
  return group.rank() == 0 ? outcome_of(witness, failure)
                           : LiveOutcome{.ranks = {}, .failure = failure};
}

}  // namespace stepcast
