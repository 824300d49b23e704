// What a collective or a message means for the network's clock: which links it loads, for how many
// bytes, with which latency. In two steps, so that thousands of sizes cost little:
//
//   GroupGeometry geometry(fabric, ranks);                          // once per group
//   FlowPlan plan = plan_collective(geometry, profile, kind, size); // per size: arithmetic only
//
// A rank's share of a collective runs over `channels` rings, each through another NIC of its node.
// The unit of a plan's rate is one channel of one rank: a link's weight is the number of such flows
// that use it at the same time, and `bytes` is what one of them carries from begin to end.
//
// Time follows NCCL's behaviour in the closed form of collective_timing.h: latency, bytes over
// bandwidth, and what filling the pipeline costs beside them; the least of all algorithms and
// protocols is taken.
// A plan yields exactly t on an idle network. When links are shared, the rate falls and the latency
// of the hops hides behind the bytes, as it does in a chunked ring: only FlowPlan::latency is paid
// before.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/collective/kind.h"
#include "sim/cost/network_profile.h"
#include "sim/engine/group_geometry.h"
#include "sim/engine/nccl_channels.h"
#include "sim/topology/fabric.h"

namespace stepcast {

/// The capacities a FlowSolver should have, in bytes per second and in order of Fabric::links():
/// nominal ones times the profile's efficiencies.
std::vector<double> effective_capacities(const Fabric& fabric, const NetworkProfile& profile);

/// The same for one link.
double effective_capacity(const Link& link, const NetworkProfile& profile);

/// What to hand to FlowSolver: after `latency`, `bytes` over `links` at no more than `rate_bound`.
struct FlowPlan {
  Seconds latency;                    ///< paid before the transfer
  double bytes = 0;                   ///< of one unit flow; 0: nothing to transfer
  double rate_bound = 0;              ///< bytes per second; 0: none
  std::span<const LinkWeight> links;  ///< owned by the geometry
  Seconds uncontended;                ///< latency and transfer on an idle network
  Algorithm algorithm{};
  Protocol protocol{};
  int channels = 0;  ///< of NCCL (nccl_channels.h), which CollectiveBench finds; 0: not known
  Grade grade = Grade::kAssumed;  ///< see calibrated_figure.h
};

/// The fastest way the profile knows, and its `choices` leave. `size` as nccl-tests counts it: the
/// buffer of one rank for all_reduce, broadcast, reduce and all_to_all, the concatenated one for
/// all_gather and reduce_scatter. A group of one rank takes no time. Throws Error(kUnsupported)
/// when the choices ask for what these GPUs can't do.
FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size);

/// The fastest of what `choice` leaves. Throws Error(kUnsupported) when that is nothing.
FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                         CollectiveKind kind, Bytes size, const CollectiveChoice& choice);

/// The same with the algorithm given.
inline FlowPlan plan_collective(const GroupGeometry& geometry, const NetworkProfile& profile,
                                CollectiveKind kind, Bytes size, Algorithm algorithm) {
  return plan_collective(geometry, profile, kind, size,
                         CollectiveChoice{.algorithms = {algorithm}});
}

/// A message of `size` bytes, in a communicator with these channels: where it gives a peer behind
/// the network fewer than its NIC asks for, they bound the rate. None are known by default, and
/// bound nothing.
FlowPlan plan_p2p(const PairGeometry& pair, const NetworkProfile& profile, Bytes size,
                  const NcclChannels& channels = {});

/// Appends a path as FlowSolver::start wants it: every link as often as it weighs.
void append_path(std::span<const LinkWeight> links, std::vector<std::uint32_t>& path);

}  // namespace stepcast
