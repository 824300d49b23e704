#include "sim/plan/plan.h"

namespace stepcast {

std::string to_text(const Plan& plan) {
  std::string text = "tp " + std::to_string(plan.tp) + ", pp " + std::to_string(plan.pp) + ", dp " +
                     std::to_string(plan.dp);
  if (plan.virtual_stages > 1) text += ", virtual_stages " + std::to_string(plan.virtual_stages);
  text += ", micro_batch_size " + std::to_string(plan.micro_batch_size);
  if (plan.pp > 1) text += ", " + plan.schedule;
  if (plan.sequence_parallel) text += ", sequence_parallel";
  if (plan.zero_stage > 0) text += ", zero_stage " + std::to_string(plan.zero_stage);
  if (plan.overlap_grad_reduce) text += ", overlap_grad_reduce";
  return text + ", recompute " + std::string(name_of(plan.recompute));
}

}  // namespace stepcast
