#include "sim/program/place_together.h"

#include <set>

#include "sim/base/error.h"

namespace stepcast {
namespace {

Block between_steps(const Program& program) {
  std::set<Stream> in_use;
  for (const Block& block : program.blocks)
    for (const Op& op : block.ops) in_use.insert(op.stream);
  Block block{.name = "between steps", .ops = {}};
  for (const Stream stream : in_use)
    block.ops.push_back({.stream = stream,
                         .signals = kNone,
                         .waits_for = {},
                         .what = HostWait{},
                         .origin = {.phase = Phase::kOther, .layer = -1}});
  return block;
}

Program repeated(Program program, std::uint32_t steps) {
  if (steps == 1) return program;
  const std::vector<Call> once = program.calls;
  const auto boundary = static_cast<BlockId>(program.blocks.size());
  program.blocks.push_back(between_steps(program));
  for (std::uint32_t step = 1; step < steps; ++step) {
    program.calls.push_back({.block = boundary, .microbatch = 0});
    program.calls.insert(program.calls.end(), once.begin(), once.end());
  }
  return program;
}

class Placer {
 public:
  explicit Placer(Rank num_gpus) : taken_(num_gpus, false) {
    joint_.job.programs.push_back({});
    joint_.job.programs.back().name = "idle";
    joint_.owner.push_back(kNone);
    joint_.job.ranks.resize(num_gpus);
  }

  void add(const PlacedJob& placed, std::uint32_t owner) {
    STEPCAST_CHECK(placed.gpus.size() == placed.job->ranks.size(), "one GPU per rank");
    const auto first_program = static_cast<std::uint32_t>(joint_.job.programs.size());
    const auto first_group = static_cast<std::uint32_t>(joint_.job.groups.size());
    for (const Program& program : placed.job->programs) {
      joint_.job.programs.push_back(repeated(program, placed.steps));
      joint_.job.programs.back().name = placed.name + ", " + program.name;
      joint_.owner.push_back(owner);
    }
    for (const Group& group : placed.job->groups) {
      Group& copy = joint_.job.groups.emplace_back(group);
      for (Rank& rank : copy.ranks) rank = placed.gpus[rank];
    }
    for (Rank rank = 0; rank < placed.gpus.size(); ++rank) {
      const Rank gpu = placed.gpus[rank];
      STEPCAST_CHECK(gpu < taken_.size() && !taken_[gpu], "each GPU belongs to one job at most");
      taken_[gpu] = true;
      joint_.job.ranks[gpu] = moved(placed.job->ranks[rank], placed, first_program, first_group);
    }
  }

  JointJob result() && { return std::move(joint_); }

 private:
  static RankPlace moved(RankPlace place, const PlacedJob& placed, std::uint32_t first_program,
                         std::uint32_t first_group) {
    place.program += first_program;
    for (std::uint32_t& group : place.group)
      if (group != kNone) group += first_group;
    if (place.next != kNone) place.next = placed.gpus[place.next];
    if (place.previous != kNone) place.previous = placed.gpus[place.previous];
    return place;
  }

  JointJob joint_;
  std::vector<bool> taken_;
};

}  // namespace

JointJob place_together(std::span<const PlacedJob> jobs, Rank num_gpus) {
  Placer placer(num_gpus);
  for (std::uint32_t owner = 0; owner < jobs.size(); ++owner) placer.add(jobs[owner], owner);
  return std::move(placer).result();
}

}  // namespace stepcast
