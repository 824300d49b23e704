// The collective algorithms there are, by kind and name. To add one: a generator in a .cpp of its
// own, declared here, and a row in algorithms.cpp; the tests verify every row.
//
// S is the size of the collective, n its ranks, g the ranks of a node, N the nodes. What is
// pipelined goes in `pieces`: the more, the nearer to full bandwidth. Ranks come node by node.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "sim/collective/schedule.h"

namespace stepcast {

/// Ring algorithms: rank r passes on to rank r + 1.
CollectiveSchedule ring_all_reduce(std::uint32_t ranks);
CollectiveSchedule ring_all_gather(std::uint32_t ranks);
CollectiveSchedule ring_reduce_scatter(std::uint32_t ranks);
CollectiveSchedule ring_broadcast(std::uint32_t ranks, std::uint32_t pieces);
CollectiveSchedule ring_reduce(std::uint32_t ranks, std::uint32_t pieces);

/// Two binary trees, each for half of the buffer and for `pieces` pieces of it. The ranks of a node
/// are chained; the trees join the heads of the nodes. `ranks` must be a multiple of `per_node`.
CollectiveSchedule double_tree_all_reduce(std::uint32_t ranks, std::uint32_t pieces,
                                          std::uint32_t per_node = 1);
/// The same for nodes of unequal size: their ranks, node by node.
CollectiveSchedule double_tree_all_reduce(std::span<const std::uint32_t> ranks_of_nodes,
                                          std::uint32_t pieces);
CollectiveSchedule double_tree_broadcast(std::uint32_t ranks, std::uint32_t pieces);
CollectiveSchedule double_tree_reduce(std::uint32_t ranks, std::uint32_t pieces);

/// Every rank to every other one, in one step.
CollectiveSchedule direct_all_gather(std::uint32_t ranks);

/// One binomial tree, the whole buffer at once.
CollectiveSchedule binomial_broadcast(std::uint32_t ranks);
CollectiveSchedule binomial_reduce(std::uint32_t ranks);

/// Exchanges with partners at distances 1, 2, 4, ..., and back.
CollectiveSchedule halving_doubling_all_reduce(std::uint32_t ranks);
CollectiveSchedule doubling_all_gather(std::uint32_t ranks);
CollectiveSchedule halving_reduce_scatter(std::uint32_t ranks);

/// Parallel aggregated trees.
CollectiveSchedule pat_all_gather(std::uint32_t ranks);
CollectiveSchedule pat_reduce_scatter(std::uint32_t ranks);

/// In the NVSwitch of one node: switch `ranks`.
CollectiveSchedule nvls_all_reduce(std::uint32_t ranks, std::uint32_t pieces);
CollectiveSchedule nvls_all_gather(std::uint32_t ranks);
CollectiveSchedule nvls_reduce_scatter(std::uint32_t ranks);

/// In the NVSwitches of N nodes, switches ranks ... ranks + N - 1, and along double trees between
/// them. `ranks` must be a multiple of `per_node`, here and below.
CollectiveSchedule nvls_tree_all_reduce(std::uint32_t ranks, std::uint32_t per_node,
                                        std::uint32_t pieces);
/// In a tree of the fabric's switches with `radix` children each: leaf switches come first, and
/// node m hangs on switch ranks + m / radix.
CollectiveSchedule sharp_all_reduce(std::uint32_t ranks, std::uint32_t per_node,
                                    std::uint32_t radix, std::uint32_t pieces);
CollectiveSchedule sharp_all_gather(std::uint32_t ranks, std::uint32_t per_node,
                                    std::uint32_t radix);
CollectiveSchedule sharp_reduce_scatter(std::uint32_t ranks, std::uint32_t per_node,
                                        std::uint32_t radix);

/// Inside nodes, between the ranks of a rail, inside nodes again; `per_node` divides `ranks`, which
/// come node by node.
CollectiveSchedule hierarchical_all_reduce(std::uint32_t ranks, std::uint32_t per_node);
CollectiveSchedule hierarchical_all_to_all(std::uint32_t ranks, std::uint32_t per_node);

/// Over a torus of dims[0] x dims[1] x ... ranks, of which the last dimension runs fastest.
CollectiveSchedule torus_all_reduce(const std::vector<std::uint32_t>& dims);

/// One peer per round; with nodes of several ranks, one inside the node and one outside at a time.
CollectiveSchedule pairwise_all_to_all(std::uint32_t ranks, std::uint32_t per_node = 1);

/// Every rank sends its buffer to the next one, the last one to rank 0.
CollectiveSchedule neighbour_send_recv(std::uint32_t ranks);

/// What the ranks of a group look like to an algorithm.
struct GroupShape {
  std::uint32_t ranks = 1;
  std::uint32_t per_node = 1;               ///< g; divides `ranks`
  std::vector<std::uint32_t> torus_dims{};  ///< their product is `ranks`
};

/// Nodes of up to 8 ranks, as many as divide `ranks`; a torus as square as `ranks` allows.
GroupShape usual_shape(std::uint32_t ranks);

struct CollectiveAlgorithm {
  CollectiveKind kind{};
  std::string_view name;
  CollectiveSchedule (*make_for)(const GroupShape& shape);
  std::string_view description;

  CollectiveSchedule make(std::uint32_t ranks) const { return make_for(usual_shape(ranks)); }
};

std::span<const CollectiveAlgorithm> collective_algorithms();

/// Throws Error(kInput) listing the names that exist for `kind`.
const CollectiveAlgorithm& find_algorithm(CollectiveKind kind, std::string_view name);

}  // namespace stepcast
