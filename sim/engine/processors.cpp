#include "sim/engine/processors.h"

#include <map>
#include <utility>
#include <variant>

#include "sim/engine/meetings.h"

namespace stepcast {
namespace {

/// The solver counts in 2^-20 of its unit: nanoseconds keep its rounding below 1e-15 s.
constexpr double kWorkPerSecond = 1e9;

}  // namespace

Processors::Processors(std::span<const std::uint32_t> of_rank, std::size_t first_link,
                       FlowSolver& solver)
    : link_of_(of_rank.size(), kNone), solver_(solver) {
  std::map<std::uint32_t, std::uint32_t> ranks_on, links;  // by processor
  for (const std::uint32_t processor : of_rank) ++ranks_on[processor];
  for (std::size_t rank = 0; rank < of_rank.size(); ++rank) {
    if (ranks_on[of_rank[rank]] < 2) continue;
    const auto next = static_cast<std::uint32_t>(first_link + links.size());
    link_of_[rank] = links.try_emplace(of_rank[rank], next).first->second;
  }
  num_shared_ = links.size();
}

std::vector<double> Processors::capacities() const {
  return std::vector<double>(num_shared_, kWorkPerSecond);
}

void Processors::run(Rank rank, double begin, double work, FlowSolver::Callback done) {
  if (has_passed(begin, solver_.now())) throw PostedTooLate{};
  solver_.at(begin, [this, link = link_of_[rank], work, done = std::move(done)]() mutable {
    solver_.start(std::span(&link, 1), work * kWorkPerSecond, 0, std::move(done));
  });
}

Overlap mark_all_kernels(const Program& program) {
  Overlap overlap;
  for (const Block& block : program.blocks) {
    auto& marked = overlap.kernels.emplace_back();
    for (const Op& op : block.ops)
      marked.push_back(op.stream == Stream::kCompute && std::holds_alternative<Compute>(op.what));
  }
  return overlap;
}

}  // namespace stepcast
