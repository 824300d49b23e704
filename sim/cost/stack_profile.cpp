#include "sim/cost/stack_profile.h"

#include <array>
#include <utility>

namespace stepcast {
namespace {

constexpr std::array<std::pair<std::string_view, double StackProfile::*>, 8> kFactors = {{
    {"gemm_efficiency", &StackProfile::gemm_efficiency},
    {"attention_efficiency", &StackProfile::attention_efficiency},
    {"memory_efficiency", &StackProfile::memory_efficiency},
    {"score_bytes", &StackProfile::score_bytes},
    {"score_backward_ratio", &StackProfile::score_backward_ratio},
    {"misaligned_head_factor", &StackProfile::misaligned_head_factor},
    {"logit_bytes", &StackProfile::logit_bytes},
    {"fragmentation", &StackProfile::fragmentation},
}};

constexpr std::array<std::pair<std::string_view, Seconds StackProfile::*>, 7> kTimes = {{
    {"issue_forward", &StackProfile::issue_forward},
    {"issue_backward", &StackProfile::issue_backward},
    {"issue_update", &StackProfile::issue_update},
    {"issue_collective", &StackProfile::issue_collective},
    {"issue_p2p", &StackProfile::issue_p2p},
    {"per_microbatch", &StackProfile::per_microbatch},
    {"per_step", &StackProfile::per_step},
}};

}  // namespace

StackProfile read_stack_profile(JsonValue value, Problems& problems) {
  Fields fields(value, problems);
  StackProfile profile;
  profile.name = fields.text("name");
  profile.grade = fields.grade("grade", Grade::kAssumed);
  fields.text("source", "");
  for (const auto& [key, member] : kFactors)
    profile.*member = fields.number(key, {.min = 0.01, .max = 100}, profile.*member);
  for (const auto& [key, member] : kTimes)
    profile.*member = fields.quantity<Seconds>(key, profile.*member, true);
  profile.context_memory = fields.quantity<Bytes>("context_memory", profile.context_memory, true);
  profile.relative_sigma = fields.number("relative_sigma", {.max = 1}, profile.relative_sigma);
  fields.finish();
  return profile;
}

}  // namespace stepcast
