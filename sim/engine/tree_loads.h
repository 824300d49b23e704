// What double binary trees load: all channels' chains inside nodes and trees between them, counted
// edge by edge. Every channel has two trees, each for half of its share; a half goes up an edge and
// comes down it. Where a tree passes the borders of leaves and pods more often than a ring does,
// these links carry more.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/link_weights.h"

namespace stepcast {

/// Where the channels of a group run: by node, the closed walks over its GPUs and the GPUs at whose
/// NICs it is entered, both of which channels take in turn; and what their rings load.
struct ChannelLayout {
  const std::vector<std::vector<std::vector<std::uint32_t>>>& walks;
  const std::vector<std::vector<std::uint32_t>>& rails;
  std::uint32_t channels = 1;
  const LinkWeights& rings;
};

struct TreeLoads {
  /// In halves of a channel's share. Links of one kind and capacity all weigh what the busiest of
  /// them does, so that ranks which are alike in the job stay alike for folding; but not those
  /// between switches where ways are hashed, which are unlike anyhow.
  LinkWeights halves;
  /// As the links inside nodes and those between nodes allow it at nominal capacities: bytes of the
  /// buffer per second, all channels together. Infinite where there are no such links.
  double intra_bandwidth = 0, inter_bandwidth = 0;
};

TreeLoads find_tree_loads(const Fabric& fabric, const ChannelLayout& layout);

}  // namespace stepcast
