// Plans to train tiny models under, and faults to plant.
#pragma once

#include <gtest/gtest.h>

#include "tests/live/distance.h"
#include "tests/live/train.h"

namespace stepcast::live_test {

struct Case {
  std::string name;
  std::function<void(TinyTraining&)> change;
};

inline void nothing_more(TinyTraining&) {}

/// Degrees of a plan.
inline Case plan(const std::string& name, std::int64_t dp, std::int64_t tp, std::int64_t pp,
                 const std::function<void(TinyTraining&)>& more = nothing_more) {
  return {name, [=](TinyTraining& tiny) {
            tiny.plan.dp = dp;
            tiny.plan.tp = tp;
            tiny.plan.pp = pp;
            more(tiny);
          }};
}

inline void one_sequence(TinyTraining& tiny) { tiny.plan.micro_batch_size = 1; }
inline void sequence_parallel(TinyTraining& tiny) { tiny.plan.sequence_parallel = true; }
inline void zero(TinyTraining& tiny) { tiny.plan.zero_stage = 1; }
inline void gpipe(TinyTraining& tiny) { tiny.plan.schedule = "gpipe"; }
inline void interleaved(TinyTraining& tiny) {
  tiny.plan.schedule = "interleaved";
  tiny.plan.virtual_stages = 2;
}
inline void selective(TinyTraining& tiny) { tiny.plan.recompute = Recompute::kSelective; }
inline void full(TinyTraining& tiny) { tiny.plan.recompute = Recompute::kFull; }
inline void buckets(TinyTraining& tiny) {
  tiny.plan.overlap_grad_reduce = true;
  tiny.plan.bucket_size = Bytes(6000);
}

/// All of these together.
template <typename... Changes>
auto all(Changes... changes) {
  return [=](TinyTraining& tiny) { (changes(tiny), ...); };
}

// ---- models, on the fast kernels ----

inline TinyTraining gpt() {
  TinyTraining tiny;
  tiny.fast_kernels = true;
  return tiny;
}
inline TinyTraining llama() {
  TinyTraining tiny = gpt();
  tiny.become_llama();
  return tiny;
}

// ---- faults ----

/// Calls `change` with every collective of the job that `wanted` accepts, up to `most` of them.
inline void change_collectives(Job& job, const std::function<bool(const Collective&)>& wanted,
                               const std::function<void(Collective&)>& change, int most = 1 << 20) {
  int changed = 0;
  for (Program& program : job.programs)
    for (Block& block : program.blocks)
      for (Op& op : block.ops)
        if (auto* collective = std::get_if<Collective>(&op.what);
            collective && changed < most && wanted(*collective)) {
          change(*collective);
          ++changed;
        }
  ASSERT_GT(changed, 0);
}

inline bool over_replicas(const Collective& op) { return op.group == GroupRole::kData; }
inline bool over_tensor(const Collective& op) { return op.group == GroupRole::kTensor; }
inline bool of_gradients(const Collective& op) { return op.parts.size() > 1; }
inline bool over_embedding(const Collective& op) { return op.group == GroupRole::kEmbedding; }
inline void leave_out(Collective& op) { op.parts.clear(); }
/// All members have the sum by now: a second time doubles it.
inline void do_twice(Collective& op) {
  const std::vector<CollectivePart> parts = op.parts;
  op.parts.insert(op.parts.end(), parts.begin(), parts.end());
}
inline void spare_one_element(Collective& op) {
  --op.parts.front().from.layout.columns;
  --op.parts.front().to.layout.columns;
}

inline void forget_mask(Job& job) {
  for (Program& program : job.programs)
    for (Block& block : program.blocks)
      for (Op& op : block.ops)
        if (auto* compute = std::get_if<Compute>(&op.what)) compute->kernel.causal = false;
}

}  // namespace stepcast::live_test
