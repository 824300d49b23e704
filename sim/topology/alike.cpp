// Colour refinement by hashing: a vertex's signature is the sum, over its arcs, of capacity times a
// random number that stands for direction and class of the neighbour. Vertices with equal sums of
// capacities get equal signatures; unequal ones do with a chance of 2^-64 a pair.
#include <map>
#include <utility>

#include "sim/topology/graph.h"

namespace stepcast {
namespace {

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), the output function.
std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

enum Direction : std::uint64_t { kOut = 0, kIn = 1 };

std::uint64_t part_of_signature(Direction direction, std::uint32_t neighbour_class,
                                std::int64_t capacity) {
  const std::uint64_t key = (std::uint64_t{neighbour_class} << 2) | (direction << 1);
  if (capacity == GraphArc::kUnlimited) return mixed(key | 1);
  return mixed(key) * static_cast<std::uint64_t>(capacity);
}

/// Numbers in the order of first appearance.
template <typename Key>
std::size_t renumber(const std::vector<Key>& keys, std::vector<std::uint32_t>& numbers) {
  std::map<Key, std::uint32_t> seen;
  numbers.resize(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i)
    numbers[i] = seen.try_emplace(keys[i], static_cast<std::uint32_t>(seen.size())).first->second;
  return seen.size();
}

}  // namespace

std::vector<std::uint32_t> alike_vertices(const FabricGraph& graph,
                                          const std::vector<std::uint32_t>& start) {
  std::vector<std::uint32_t> classes;
  std::size_t before = 0;
  std::size_t now = renumber(start, classes);
  std::vector<std::pair<std::uint32_t, std::uint64_t>> signatures(graph.size());
  while (now > before) {
    for (std::size_t i = 0; i < graph.size(); ++i) signatures[i] = {classes[i], 0};
    for (const GraphArc& arc : graph.arcs) {
      signatures[arc.from].second += part_of_signature(kOut, classes[arc.to], arc.capacity);
      signatures[arc.to].second += part_of_signature(kIn, classes[arc.from], arc.capacity);
    }
    before = now;
    now = renumber(signatures, classes);
  }
  return classes;
}

}  // namespace stepcast
