// Which channels never share a link with another one at the same time: their transfers take the
// time that they take alone, a closed form.
//
// Two channels may name the same link and still never meet on it: when one rank takes part in both,
// and its program puts each transfer of the one before or after each transfer of the other. (Tensor
// parallel collectives, and the gradient norm at the end of the step, over the same NVLinks.) A
// transfer lies between the post and the end that this rank sees, so order on one rank is order for
// all.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/engine/fold.h"
#include "sim/engine/program_index.h"
#include "sim/program/job.h"

namespace stepcast {

/// By port: the set of ports (as bits) whose transfers never run beside its own.
using ExclusivePorts = std::array<std::uint8_t, kNumPorts>;

/// From streams, events and host waits of the whole step.
ExclusivePorts exclusive_ports(const Program& program);

/// By channel class: no member ever shares a link with another channel, nor with itself.
/// `of_rank`: channel by rank and port; `exclusive`: by program.
std::vector<bool> find_uncontended(const FoldGraph& graph, const Quotient& quotient, const Job& job,
                                   const std::vector<std::array<std::uint32_t, kNumPorts>>& of_rank,
                                   const std::vector<ExclusivePorts>& exclusive);

}  // namespace stepcast
