// The generators behind the table of schedules.cpp, one file each.
#pragma once

#include "sim/lowering/schedules.h"

namespace stepcast {

/// All forward passes, then all backward passes (Huang et al. 2019). Bubble (p-1)/m of the ideal
/// time.
std::vector<Action> gpipe(const StagePosition& at);
/// As many forward passes as there are stages behind, then one forward and one backward in turn
/// (PipeDream-flush; Narayanan et al. 2021a). The same bubble, at most p microbatches in flight.
std::vector<Action> one_f_one_b(const StagePosition& at);
/// 1F1B over v chunks per stage, microbatches in groups of p (Narayanan et al. 2021b, section 2.2,
/// as in Megatron-LM). Bubble (p-1)/(m v). Microbatches must be a multiple of the stages: Error
/// (kUnsupported) otherwise.
std::vector<Action> interleaved(const StagePosition& at);

}  // namespace stepcast
