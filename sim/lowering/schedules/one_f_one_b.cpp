#include <algorithm>

#include "sim/lowering/schedules/schedules.h"

namespace stepcast {

std::vector<Action> one_f_one_b(const StagePosition& at) {
  const std::uint32_t warm_up = std::min(at.stages - at.stage - 1, at.microbatches);
  std::vector<Action> actions;
  actions.reserve(2 * at.microbatches);
  std::uint32_t forward = 0, backward = 0;
  while (forward < warm_up) actions.push_back({Pass::kForward, 0, forward++});
  while (backward < at.microbatches) {
    if (forward < at.microbatches) actions.push_back({Pass::kForward, 0, forward++});
    actions.push_back({Pass::kBackward, 0, backward++});
  }
  return actions;
}

}  // namespace stepcast
