#include <algorithm>
#include <string>

#include "sim/base/error.h"
#include "sim/lowering/schedules/schedules.h"

namespace stepcast {
namespace {

/// The k-th pass of one direction: groups of `stages` microbatches go through chunk after chunk,
/// backward from the last chunk to the first.
Action nth(const StagePosition& at, Pass pass, std::uint32_t k) {
  const std::uint32_t group = at.stages * at.chunks;
  const std::uint32_t chunk = k % group / at.stages;
  return {.pass = pass,
          .chunk = pass == Pass::kForward ? chunk : at.chunks - 1 - chunk,
          .microbatch = k / group * at.stages + k % at.stages,
          .exchanges_with_next = false};
}

/// Forward passes before the first backward one. With one group all of them go first, as in
/// Megatron-LM.
std::uint32_t warm_up_passes(const StagePosition& at) {
  const std::uint32_t total = at.microbatches * at.chunks;
  if (at.microbatches == at.stages) return total;
  return std::min(total, (at.stages - at.stage - 1) * 2 + (at.chunks - 1) * at.stages);
}

}  // namespace

std::vector<Action> interleaved(const StagePosition& at) {
  if (at.chunks > 1 && at.microbatches % at.stages != 0)
    throw Error(ErrorKind::kUnsupported,
                "the interleaved schedule needs a number of microbatches (" +
                    std::to_string(at.microbatches) + ") that is a multiple of pp (" +
                    std::to_string(at.stages) +
                    "); change global_batch_size, or set virtual_stages to 1");
  if (at.chunks == 1) return one_f_one_b(at);
  const std::uint32_t total = at.microbatches * at.chunks, warm_up = warm_up_passes(at);
  std::vector<Action> actions;
  actions.reserve(2 * total);
  std::uint32_t forward = 0, backward = 0;
  while (forward < warm_up) actions.push_back(nth(at, Pass::kForward, forward++));
  while (backward < total) {
    if (forward < total) {
      actions.push_back(nth(at, Pass::kForward, forward++));
      // One exchange in all four directions after both passes. With one after each, every stage of
      // the ring could wait for its send while the receive on the other side comes one pass later.
      actions.back().exchanges_with_next = true;
    }
    actions.push_back(nth(at, Pass::kBackward, backward++));
  }
  return actions;
}

}  // namespace stepcast
