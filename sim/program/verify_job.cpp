#include <set>

#include "sim/program/findings.h"
#include "sim/program/rendezvous.h"
#include "sim/program/verify.h"
#include "sim/program/verify_places.h"
#include "sim/program/verify_sequences.h"

namespace stepcast {
namespace {

void check_programs(const Job& job, Findings& findings) {
  for (const Program& program : job.programs)
    for (const std::string& finding : verify(program))
      findings.add([&] { return program.name + ": " + finding; });
}

/// The pipeline that `rank` belongs to, from its first stage (or, in a ring, from `rank`) on.
std::vector<Rank> pipeline_of(const Job& job, Rank rank) {
  Rank first = rank;
  while (job.ranks[first].previous != kNone && job.ranks[first].previous != rank)
    first = job.ranks[first].previous;
  if (job.ranks[first].previous == rank) first = rank;
  std::vector<Rank> pipeline = {first};
  for (Rank next = job.ranks[first].next; next != kNone && next != first;
       next = job.ranks[next].next)
    pipeline.push_back(next);
  return pipeline;
}

/// Runs every pipeline whose sequence of programs is a new one; usually there is only one.
void check_progress(const Job& job, Findings& findings) {
  std::vector<bool> seen(job.ranks.size());
  std::set<std::vector<std::uint32_t>> known;
  for (Rank rank = 0; rank < job.ranks.size(); ++rank) {
    if (seen[rank]) continue;
    const std::vector<Rank> pipeline = pipeline_of(job, rank);
    std::vector<std::uint32_t> programs;
    for (const Rank member : pipeline) {
      seen[member] = true;
      programs.push_back(job.ranks[member].program);
    }
    if (!known.insert(programs).second) continue;
    Rendezvous rendezvous(job, pipeline);
    rendezvous.run();
    if (!rendezvous.finished()) findings.add([&] { return rendezvous.describe_stuck(); });
  }
}

}  // namespace

std::vector<std::string> verify(const Job& job) {
  Findings findings;
  check_programs(job, findings);
  if (findings.empty()) check_places(job, findings);
  if (findings.empty()) check_sequences(job, findings);
  if (findings.empty()) check_progress(job, findings);
  return findings.take();
}

}  // namespace stepcast
