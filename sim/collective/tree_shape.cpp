#include "sim/collective/tree_shape.h"

#include <algorithm>

namespace stepcast {
namespace {

/// Parent of `place` (1 .. n) in the in-order tree over 1 .. n: odd places are leaves, and a place
/// divisible by 2^h but not by 2^(h+1) stands h levels above them. 0 for the root.
std::uint32_t in_order_parent(std::uint32_t place, std::uint32_t n) {
  const std::uint32_t bit = place & (~place + 1);
  const std::uint32_t right = (place ^ bit) | (bit << 1);
  if (right <= n) return right;
  return place ^ bit;
}

}  // namespace

/// Tree 0 has vertex v at place v + 1, tree 1 has it one place further, round.
std::vector<std::uint32_t> double_tree_parents(std::uint32_t count, std::uint32_t tree) {
  std::vector<std::uint32_t> parents;
  for (std::uint32_t vertex = 0; vertex < count; ++vertex) {
    const std::uint32_t place = (vertex + tree) % count + 1;
    const std::uint32_t parent = in_order_parent(place, count);
    parents.push_back(parent == 0 ? kTreeRoot : (parent - 1 + count - tree % count) % count);
  }
  return parents;
}

std::vector<std::uint32_t> switch_tree_parents(std::uint32_t nodes, std::uint32_t radix) {
  std::vector<std::uint32_t> parents;
  std::uint32_t first = 0;
  for (std::uint32_t width = (nodes + radix - 1) / radix; width > 1;) {
    for (std::uint32_t i = 0; i < width; ++i) parents.push_back(first + width + i / radix);
    first += width;
    width = (width + radix - 1) / radix;
  }
  parents.push_back(kTreeRoot);
  return parents;
}

std::vector<std::uint32_t> children_first(const std::vector<std::uint32_t>& parents) {
  std::vector<std::uint32_t> depth(parents.size(), 0), order;
  for (std::uint32_t vertex = 0; vertex < parents.size(); ++vertex) {
    for (std::uint32_t up = parents[vertex]; up != kTreeRoot; up = parents[up]) ++depth[vertex];
    order.push_back(vertex);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return depth[a] > depth[b]; });
  return order;
}

}  // namespace stepcast
