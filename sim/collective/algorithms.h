// The collective algorithms there are, by kind and name. To add one: a generator in a .cpp of its
// own, declared here, and a row in algorithms.cpp; the tests verify every row.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "sim/collective/schedule.h"

namespace stepcast {

/// Ring algorithms: rank r passes on to rank r + 1.
CollectiveSchedule ring_all_reduce(std::uint32_t ranks);
CollectiveSchedule ring_all_gather(std::uint32_t ranks);
CollectiveSchedule ring_reduce_scatter(std::uint32_t ranks);
/// Pipelined in `chunks` pieces.
CollectiveSchedule ring_broadcast(std::uint32_t ranks, std::uint32_t chunks);
CollectiveSchedule ring_reduce(std::uint32_t ranks, std::uint32_t chunks);

/// Two binary trees, each for half of the buffer and for `chunks` pieces of it. Ranks come in
/// blocks of `block` (the ranks of a node), chained; the trees join the heads of the blocks.
/// `ranks` must be a multiple of `block`.
CollectiveSchedule double_tree_all_reduce(std::uint32_t ranks, std::uint32_t chunks,
                                          std::uint32_t block = 1);

/// Round s: rank r sends to rank r + s.
CollectiveSchedule pairwise_all_to_all(std::uint32_t ranks);

struct CollectiveAlgorithm {
  CollectiveKind kind{};
  std::string_view name;
  CollectiveSchedule (*make)(std::uint32_t ranks);  ///< ranks >= 1
  std::string_view description;
};

std::span<const CollectiveAlgorithm> collective_algorithms();

/// Throws Error(kInput) listing the names that exist for `kind`.
const CollectiveAlgorithm& find_algorithm(CollectiveKind kind, std::string_view name);

}  // namespace stepcast
