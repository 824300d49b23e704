// The search behind nearest_feasible_plan: candidates are made of divisors, since most rules ask
// for one, and each is judged by check_plan, so that no rule is written twice.
#include <algorithm>
#include <tuple>

#include "sim/plan/divisors.h"
#include "sim/plan/feasibility.h"

namespace stepcast {
namespace {

constexpr std::int64_t kMaxStages = 1024;

/// How far a plan is from another; smaller is nearer. The degrees break ties, so that the order in
/// which candidates are tried does not matter.
using Distance = std::tuple<int, double, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;

Distance distance(const Plan& from, const Plan& to) {
  int changed = 0;
  double relative = 0;
  const auto number = [&](std::int64_t a, std::int64_t b) {
    if (a == b) return;
    ++changed;
    relative += static_cast<double>(std::max(a, b)) /
                    static_cast<double>(std::max<std::int64_t>(std::min(a, b), 1)) -
                1;
  };
  number(from.tp, to.tp);
  number(from.pp, to.pp);
  number(from.dp, to.dp);
  number(from.virtual_stages, to.virtual_stages);
  number(from.micro_batch_size, to.micro_batch_size);
  number(from.zero_stage, to.zero_stage);
  if (from.schedule != to.schedule) ++changed;
  if (from.sequence_parallel != to.sequence_parallel) ++changed;
  return {changed, relative, to.tp, to.pp, to.virtual_stages, to.micro_batch_size};
}

class Search {
 public:
  Search(const Model& model, const Plan& plan, const Training& training, const Topology& topology,
         std::int64_t num_gpus, const Traits& traits)
      : model_(model),
        wanted_(plan),
        training_(training),
        topology_(topology),
        limit_(std::min(num_gpus, topology.num_gpus())),
        traits_(traits) {}

  std::optional<Plan> run() {
    std::vector<Plan> grids = all_grids();
    std::stable_sort(grids.begin(), grids.end(),
                     [](const Plan& a, const Plan& b) { return a.world_size() > b.world_size(); });
    for (const Plan& grid : grids) {
      if (best_ && grid.world_size() < best_->world_size()) break;
      try_variants(grid);
    }
    return best_;
  }

 private:
  /// tp, pp and dp that the divisibility rules leave; the other fields as wanted.
  std::vector<Plan> all_grids() const {
    std::vector<Plan> grids;
    Plan plan = wanted_;
    plan.zero_stage = std::clamp<std::int64_t>(plan.zero_stage, 0, 1);
    for (const std::int64_t tp : divisors(model_.num_heads))
      for (const std::int64_t pp : stage_counts())
        for (const std::int64_t dp : replica_counts_) {
          if (tp * pp > limit_ / dp) continue;
          plan.tp = tp;
          plan.pp = pp;
          plan.dp = dp;
          grids.push_back(plan);
        }
    return grids;
  }

  std::vector<std::int64_t> stage_counts() const {
    if (traits_.stage_balance == StageBalance::kUniform) return divisors(model_.num_layers);
    std::vector<std::int64_t> counts;
    for (std::int64_t pp = 1; pp <= std::min(model_.num_layers, kMaxStages); ++pp)
      counts.push_back(pp);
    return counts;
  }

  void try_variants(const Plan& grid) {
    for (const std::int64_t chunks : chunk_counts(grid))
      for (const std::int64_t micro_batch : divisors(training_.global_batch_size / grid.dp))
        for (const bool sequence_parallel : {wanted_.sequence_parallel, false}) {
          Plan plan = grid;
          plan.virtual_stages = chunks;
          if (chunks > 1) plan.schedule = "interleaved";
          if (chunks == 1 && plan.schedule == "interleaved") plan.schedule = "one_f_one_b";
          plan.micro_batch_size = micro_batch;
          plan.sequence_parallel = sequence_parallel;
          consider(plan);
        }
  }

  std::vector<std::int64_t> chunk_counts(const Plan& grid) const {
    if (wanted_.virtual_stages <= 1 && wanted_.schedule != "interleaved") return {1};
    if (grid.pp > model_.num_layers) return {1};
    const bool ends_minus_one = traits_.stage_balance == StageBalance::kEndsMinusOne;
    return divisors((model_.num_layers + (ends_minus_one ? 2 : 0)) / grid.pp);
  }

  void consider(const Plan& plan) {
    if (best_ && distance(wanted_, plan) >= distance(wanted_, *best_)) return;
    if (check_plan(model_, plan, training_, topology_, plan.world_size(), traits_).empty())
      best_ = plan;
  }

  const Model& model_;
  const Plan& wanted_;
  const Training& training_;
  const Topology& topology_;
  std::int64_t limit_;
  const Traits& traits_;
  const std::vector<std::int64_t> replica_counts_ = divisors(training_.global_batch_size);
  std::optional<Plan> best_;
};

/// Would the plainest plan, one GPU and one sequence at a time, be refused for what is not the
/// plan's?
bool wrong_without_plan(const Model& model, const Training& training, const Topology& topology,
                        const Traits& traits) {
  for (const Problem& problem : check_plan(model, Plan{}, training, topology, 1, traits))
    if (!problem.path.starts_with("plan") && problem.path != "training.global_batch_size")
      return true;
  return training.global_batch_size < 1;
}

}  // namespace

std::optional<Plan> nearest_feasible_plan(const Model& model, const Plan& plan,
                                          const Training& training, const Topology& topology,
                                          std::int64_t num_gpus, const Traits& traits) {
  if (wrong_without_plan(model, training, topology, traits)) return std::nullopt;
  return Search(model, plan, training, topology, num_gpus, traits).run();
}

}  // namespace stepcast
