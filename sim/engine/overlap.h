// Which kernels of a program may run while a collective or a message of the same rank moves bytes:
// those need the network's clock, because the SMs that the transfer holds slow them down for as
// long as both run. All others keep their times, whatever happens on the wire.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/program_index.h"

namespace stepcast {

/// A set of ports, as bits.
using PortSet = std::uint8_t;
static_assert(kNumPorts <= 8);

inline constexpr PortSet kNoPorts = 0;
inline bool contains(PortSet ports, Port port) { return ports >> static_cast<int>(port) & 1; }
inline PortSet set_of(Port port) { return static_cast<PortSet>(1u << static_cast<int>(port)); }

struct Overlap {
  std::vector<std::vector<bool>> kernels;  ///< by block and op; empty when no kernel may
  PortSet ports = kNoPorts;                ///< whose transfers may run beside a kernel

  bool may_slow(BlockId block, std::uint32_t op) const {
    return !kernels.empty() && kernels[block][op];
  }
  bool operator==(const Overlap&) const = default;
};

/// Of kernels on the compute stream and transfers of `ports` on other streams: all pairs that
/// streams, events and host waits of the whole step do not put one after the other. A kernel is
/// marked when it is in such a pair in any call of its block.
Overlap find_overlap(const Program& program, PortSet ports);

}  // namespace stepcast
