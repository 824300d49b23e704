// rank <-> coordinates. Tensor-parallel ranks are neighbours, then data-parallel ones, then
// pipeline stages (Megatron-LM's and DeepSpeed's order): rank = (stage * dp + replica) * tp +
// shard.
#pragma once

#include "sim/plan/plan.h"

namespace stepcast {

struct RankCoordinates {
  std::int64_t stage = 0;
  std::int64_t replica = 0;
  std::int64_t shard = 0;
};

class RankGrid {
 public:
  explicit RankGrid(const Plan& plan) : tp_(plan.tp), dp_(plan.dp), pp_(plan.pp) {}
  std::int64_t size() const { return tp_ * dp_ * pp_; }
  std::int64_t rank(const RankCoordinates& at) const {
    return (at.stage * dp_ + at.replica) * tp_ + at.shard;
  }
  RankCoordinates coordinates(std::int64_t rank) const {
    return {.stage = rank / (tp_ * dp_), .replica = rank / tp_ % dp_, .shard = rank % tp_};
  }

 private:
  std::int64_t tp_, dp_, pp_;
};

}  // namespace stepcast
