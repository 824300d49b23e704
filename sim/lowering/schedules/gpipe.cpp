#include "sim/lowering/schedules/schedules.h"

namespace stepcast {

std::vector<Action> gpipe(const StagePosition& at) {
  std::vector<Action> actions;
  actions.reserve(2 * at.microbatches);
  for (const Pass pass : {Pass::kForward, Pass::kBackward})
    for (std::uint32_t m = 0; m < at.microbatches; ++m) actions.push_back({pass, 0, m});
  return actions;
}

}  // namespace stepcast
