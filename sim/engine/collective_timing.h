// How long a collective takes on an idle network, in closed form: one candidate for each algorithm
// and protocol. collective_flows.h turns the chosen one into a transfer. Symbols: n ranks, N nodes,
// g = ranks of the fullest node, S bytes as nccl-tests counts them; L latency, X bytes / bandwidth.
#pragma once

#include <cmath>

#include "sim/collective/kind.h"
#include "sim/cost/network_profile.h"
#include "sim/engine/group_geometry.h"

namespace stepcast {

/// A candidate, in seconds. With L = first + hops, X = transfer:
///   t = sqrt((L + X)^2 + step_fill L X) + fill sqrt(L X)
/// The first term is a chain of equal steps, which at worst costs X + step_fill / 2 L more than
/// L + X; the second one a pipeline whose chunks the library shrinks with the data, so that filling
/// it grows as the root.
struct Timing {
  double first = 0;     ///< latency that nothing hides
  double hops = 0;      ///< latency that hides behind the bytes when links are shared
  double transfer = 0;  ///< bytes over bandwidth on an idle network
  double step_fill = 0, fill = 0;
  double total() const {
    const double latency = first + hops, sum = latency + transfer;
    const double both = latency * transfer;
    return std::sqrt(sum * sum + step_fill * both) + fill * std::sqrt(both);
  }
};

/// Whether these GPUs can do it so; all_to_all knows but kPairwise, in Simple. Of the ways that
/// schedule_loads.h follows those that the geometry was made with, in Simple.
bool has_way(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
             Algorithm algorithm, Protocol protocol);

/// The time of a way that has_way(). The profile was made for_generation().
Timing timing_of(const GroupGeometry& group, const NetworkProfile& profile, CollectiveKind kind,
                 double size, Algorithm algorithm, Protocol protocol);

/// What a NIC gives, with the share that jobs of many nodes lose.
double inter_efficiency_of(const GroupGeometry& group, const NetworkProfile& profile);

/// What a step inside a node and one between nodes costs besides its bytes, in seconds; `chunk` is
/// what one step carries, `size` the whole buffer.
struct Hops {
  double intra = 0, inter = 0;
};
Hops ring_hops(const GroupGeometry& group, const NetworkProfile& profile, Protocol protocol,
               double chunk);
Hops tree_hops(const NetworkProfile& profile, Protocol protocol, double size);

/// How often broadcasts that are called one after the other leave the root, in seconds: it is done
/// as soon as its bytes are in the buffers of its first connection, so that the calls overlap and
/// none waits for the far end. Infinite where LL's buffers hold less than `size`.
double broadcast_interval(const GroupGeometry& group, const NetworkProfile& profile, double size);

/// Data that one slot of a channel's buffer holds, in bytes: trees, and rings that pass on a whole
/// buffer, go in pieces of that size.
double slot_bytes(Protocol protocol);

/// Bytes that pass a link of the ring, all channels together.
double ring_bytes(const GroupGeometry& group, CollectiveKind kind, double size);

/// Ranks that a rank meets in its own node, and in others.
struct Peers {
  double near = 0, far = 0;
};
Peers peers_of(const GroupGeometry& group);

}  // namespace stepcast
