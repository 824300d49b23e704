#include "kernels/mpi/mpi_live_run.h"

#include <string>

#include "sim/base/error.h"
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

void check_ranks(const MpiGroup& group, const Job& job) {
  if (static_cast<std::size_t>(group.ranks()) == job.ranks.size()) return;
  const std::string wanted = std::to_string(job.ranks.size());
  throw Error(ErrorKind::kInfeasible, "mpirun started " + std::to_string(group.ranks()) +
                                          " ranks, and the plan has " + wanted + ": mpirun -n " +
                                          wanted);
}

}  // namespace

LiveOutcome run_live_over_mpi(MpiGroup& group, const Job& job, const LiveOptions& options,
                              std::string_view version) {
  check_ranks(group, job);
  check_live(job, options);
  group.run([&](RankContext& context) {
    context.begin_operation("agreeing on version and program");
    const auto world = context.world();
    check_agreement(*world, "version", version);
    check_agreement(*world, "program", fingerprint(job));
    run_live_rank(context, job, options);
    return 0;
  });
  LiveOutcome outcome;
  for (int rank = 0; group.rank() == 0 && rank < group.ranks(); ++rank)
    outcome.ranks.push_back(read_records(group.kept(rank)));
  return outcome;
}

}  // namespace stepcast
