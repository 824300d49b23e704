// The shape of double binary trees, for the algorithms that are laid out along them.
#pragma once

#include <cstdint>
#include <vector>

namespace stepcast {

inline constexpr std::uint32_t kTreeRoot = 0xffffffffu;

/// Parents in one of two binary trees (`tree` 0 or 1) over `count` vertices; kTreeRoot for the
/// root. Who is inside one tree is a leaf of the other [Sanders, Speck and Traeff 2009].
std::vector<std::uint32_t> double_tree_parents(std::uint32_t count, std::uint32_t tree);

/// Parents in the tree of switches over `nodes` nodes, level by level with the leaves first; a
/// switch has up to `radix` children, and node m hangs on switch m / radix.
std::vector<std::uint32_t> switch_tree_parents(std::uint32_t nodes, std::uint32_t radix);

/// Vertices with every child before its parent.
std::vector<std::uint32_t> children_first(const std::vector<std::uint32_t>& parents);

}  // namespace stepcast
