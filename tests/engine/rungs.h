// The same collectives on two rungs of the ladder: coupled transfers, and chunk by chunk.
#pragma once

#include <algorithm>
#include <vector>

#include "sim/engine/message_level.h"
#include "tests/engine/small_clusters.h"

namespace stepcast {

/// No losses; every hop costs so many seconds, whatever the protocol. Trees are made unattractive.
inline NetworkProfile with_hops(double intra, double inter, bool tree = false) {
  NetworkProfile profile = ideal_network_profile();
  for (ProtocolCosts& costs : profile.protocols) {
    costs.ring_hop_intra = costs.tree_hop_intra = Seconds(intra);
    costs.ring_hop_inter = costs.tree_hop_inter = Seconds(inter);
  }
  if (!tree)
    profile.tree_efficiency_one_node = profile.tree_efficiency_two_nodes =
        profile.tree_efficiency_many_nodes = 0.1;
  profile.all_to_all_peer_intra = Seconds(intra);
  profile.all_to_all_peer_inter = Seconds(inter);
  return profile;
}

struct Launch {
  std::vector<std::uint32_t> ranks;
  CollectiveKind kind = CollectiveKind::kAllReduce;
  Bytes size;
  double start = 0;
};

/// Ends of all of them, each collective one coupled transfer.
inline std::vector<double> fluid(const Fabric& fabric, const NetworkProfile& profile,
                                 const std::vector<Launch>& launches) {
  FlowSolver& solver = simgrid_solver();
  solver.reset(effective_capacities(fabric, profile));
  std::vector<double> ends(launches.size(), -1);
  std::vector<GroupGeometry> groups;
  for (const Launch& launch : launches)
    groups.emplace_back(fabric, launch.ranks, true, scheduled_ways(profile.choices));
  for (std::size_t i = 0; i < launches.size(); ++i) {
    const FlowPlan plan = plan_collective(groups[i], profile, launches[i].kind, launches[i].size);
    solver.at(launches[i].start + plan.latency.value(), [&, i, plan] {
      std::vector<std::uint32_t> path;
      append_path(plan.links, path);
      solver.start(path, plan.bytes, plan.rate_bound, [&, i] { ends[i] = solver.now(); });
    });
  }
  solver.run();
  return ends;
}

/// The same chunk by chunk.
inline std::vector<double> messages(const Fabric& fabric, const NetworkProfile& profile,
                                    const std::vector<Launch>& launches) {
  FlowSolver& solver = simgrid_solver();
  solver.reset(effective_capacities(fabric, profile));
  MessageLevel level(solver, fabric, effective_capacities(fabric, profile));
  std::vector<double> ends(launches.size(), -1);
  std::vector<GroupGeometry> groups;
  for (const Launch& launch : launches)
    groups.emplace_back(fabric, launch.ranks, true, scheduled_ways(profile.choices));
  for (std::size_t i = 0; i < launches.size(); ++i)
    solver.at(launches[i].start, [&, i] {
      level.start(profile, groups[i], launches[i].kind, launches[i].size,
                  [&, i] { ends[i] = solver.now(); });
    });
  solver.run();
  return ends;
}

inline double latest(const std::vector<double>& ends) {
  return *std::max_element(ends.begin(), ends.end());
}

}  // namespace stepcast
