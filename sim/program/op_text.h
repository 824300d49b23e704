// Names of the things a program is made of, and one op in words.
#pragma once

#include <string>
#include <string_view>

#include "sim/program/program.h"

namespace stepcast {

std::string_view name_of(Stream stream);            ///< "compute", "send_next"
std::string_view name_of(GroupRole role);           ///< "tensor"
std::string_view name_of(Peer peer);                ///< "next"
std::string_view name_of(BufferCategory category);  ///< "optimizer_state"
std::string_view name_of(Phase phase);              ///< "gradient_sync"
std::string_view name_of(HostTask task);

/// What the op is, without its buffers: "gemm_forward", "all_reduce over tensor", "send to next".
std::string short_name(const Op& op);

/// The op on one line, with dimensions, buffers by name, waits and signals. Ids must be in range.
std::string to_text(const Program& program, const Op& op);

/// Where an expanded op stands: "forward.chunk0 op 3 (send to next), microbatch 2".
std::string place_of(const Program& program, std::uint32_t call, std::uint32_t op);

}  // namespace stepcast
