#include "sim/lowering/job_layout.h"

#include "sim/plan/rank_grid.h"

namespace stepcast {
namespace {

/// Adds groups to a job and tells their members.
class Placement {
 public:
  Placement(Job& job, const Plan& plan) : job_(job), plan_(plan), grid_(plan) {
    job_.ranks.resize(static_cast<std::size_t>(grid_.size()));
  }

  void place_neighbours() {
    const bool ring = plan_.virtual_stages > 1;
    for (std::int64_t rank = 0; rank < grid_.size(); ++rank) {
      const RankCoordinates at = grid_.coordinates(rank);
      RankPlace& place = job_.ranks[static_cast<std::size_t>(rank)];
      place.program = static_cast<std::uint32_t>(at.stage);
      place.dp_index = static_cast<std::uint32_t>(at.replica);
      place.tp_index = static_cast<std::uint32_t>(at.shard);
      if (plan_.pp == 1) continue;
      if (ring || at.stage + 1 < plan_.pp) place.next = at_stage(at, at.stage + 1);
      if (ring || at.stage > 0) place.previous = at_stage(at, at.stage - 1 + plan_.pp);
    }
  }

  void add_tensor_groups() {
    for (std::int64_t stage = 0; stage < plan_.pp; ++stage)
      for (std::int64_t replica = 0; replica < plan_.dp; ++replica) {
        begin(GroupRole::kTensor);
        for (std::int64_t shard = 0; shard < plan_.tp; ++shard) join({stage, replica, shard});
      }
  }
  void add_data_groups() {
    for (std::int64_t stage = 0; stage < plan_.pp; ++stage)
      for (std::int64_t shard = 0; shard < plan_.tp; ++shard) {
        begin(GroupRole::kData);
        for (std::int64_t replica = 0; replica < plan_.dp; ++replica) join({stage, replica, shard});
      }
  }
  void add_embedding_groups() {
    for (std::int64_t replica = 0; replica < plan_.dp; ++replica)
      for (std::int64_t shard = 0; shard < plan_.tp; ++shard) {
        begin(GroupRole::kEmbedding);
        join({0, replica, shard});
        join({plan_.pp - 1, replica, shard});
      }
  }
  void add_model_groups() {
    for (std::int64_t replica = 0; replica < plan_.dp; ++replica) {
      begin(GroupRole::kModel);
      for (std::int64_t stage = 0; stage < plan_.pp; ++stage)
        for (std::int64_t shard = 0; shard < plan_.tp; ++shard) join({stage, replica, shard});
    }
  }

 private:
  Rank at_stage(RankCoordinates at, std::int64_t stage) const {
    at.stage = stage % plan_.pp;
    return static_cast<Rank>(grid_.rank(at));
  }
  void begin(GroupRole role) { job_.groups.push_back({.role = role, .ranks = {}}); }
  void join(const RankCoordinates& at) {
    Group& group = job_.groups.back();
    const auto rank = static_cast<Rank>(grid_.rank(at));
    group.ranks.push_back(rank);
    job_.ranks[rank].group[static_cast<std::size_t>(group.role)] =
        static_cast<std::uint32_t>(job_.groups.size() - 1);
  }

  Job& job_;
  const Plan& plan_;
  RankGrid grid_;
};

}  // namespace

void place_ranks(Job& job, const Model& model, const Plan& plan) {
  Placement placement(job, plan);
  placement.place_neighbours();
  if (plan.tp > 1) placement.add_tensor_groups();
  if (plan.dp > 1) placement.add_data_groups();
  if (plan.pp > 1 && model.tied_embeddings) placement.add_embedding_groups();
  if (plan.tp * plan.pp > 1) placement.add_model_groups();
}

}  // namespace stepcast
