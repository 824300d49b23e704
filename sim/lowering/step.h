// What every part of lowering reads: the inputs of lower() and the few figures that follow from
// them.
#pragma once

#include <string>

#include "sim/model/model.h"
#include "sim/model/operators.h"
#include "sim/model/optimizers.h"
#include "sim/plan/plan.h"

namespace stepcast {

struct Step {
  Step(const Model& the_model, const Plan& the_plan, const Training& training,
       const Traits& the_traits);

  const Model& model;
  const Plan& plan;
  const Traits& traits;
  const Optimizer& optimizer;
  LocalShape shape;
  std::uint32_t microbatches = 1;

  /// Element types of what a parameter needs. Training in fp32 or tf32 keeps no second copy.
  Dtype weight_dtype() const { return shape.storage(); }
  bool has_master_copy() const { return size_of(weight_dtype()) < 4; }
  Dtype gradient_dtype() const {
    return traits.fp32_gradients || has_accumulation_copy() ? Dtype::kFp32 : weight_dtype();
  }
  /// 16-bit gradients are added to fp32 sums by a kernel of their own.
  bool has_accumulation_copy() const { return traits.fp32_accumulation_copy && has_master_copy(); }
  /// A microbatch's weight gradients are tensors of their own, added to the sum by a kernel. With a
  /// single microbatch autograd keeps the tensor as the sum.
  bool adds_gradients() const {
    return has_accumulation_copy() || (traits.autograd_accumulation && microbatches > 1);
  }
  /// DDP's buckets hold the 16-bit gradients of an accumulation copy for the whole step.
  bool keeps_half_gradients() const { return has_accumulation_copy() && plan.dp > 1; }
  Dtype reduced_dtype() const { return traits.fp32_grad_reduce ? Dtype::kFp32 : weight_dtype(); }
  bool shards_optimizer() const { return plan.zero_stage >= 1 && plan.dp > 1; }
  /// Of `count` parameters, those that this rank updates.
  std::int64_t updated(std::int64_t count) const {
    return shards_optimizer() ? (count + plan.dp - 1) / plan.dp : count;
  }
  /// Program::timing_only.
  std::string why_timing_only() const;
  bool shards_by_tensor() const { return shards_optimizer() && traits.zero_by_tensor; }
  bool buckets_overlap() const {
    return plan.overlap_grad_reduce && plan.dp > 1 && !shards_by_tensor();
  }
  bool keeps_gather_buffers() const {
    return traits.gather_buffers_resident && shape.splits_sequence();
  }
  /// Boundary tensors travel in tp parts and are gathered on arrival.
  bool gathers_messages() const {
    return traits.scatter_gather_p2p && plan.tp > 1 && !shape.splits_sequence();
  }
};

}  // namespace stepcast
