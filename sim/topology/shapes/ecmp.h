// Which of several equal ways a flow takes, where switches hash its addresses (ECMP) and do not
// spray its packets: always the same one, so that flows may collide.
#pragma once

#include "sim/topology/shapes/fabric_shape.h"

namespace stepcast {

/// A number made of the two NICs: the finaliser of SplitMix64 (Steele, Lea and Flood 2014) over
/// each of node and NIC in turn. Channels of a communicator use different NICs, so they hash apart.
constexpr std::uint64_t ecmp_hash(NicPort from, NicPort to) {
  std::uint64_t hash = 0;
  for (const std::int64_t part : {from.node, from.nic, to.node, to.nic}) {
    hash += 0x9e3779b97f4a7c15ULL + static_cast<std::uint64_t>(part);
    hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ (hash >> 27)) * 0x94d049bb133111ebULL;
    hash ^= hash >> 31;
  }
  return hash;
}

}  // namespace stepcast
