// Rings over GPUs that lie in a grid with direct links (TPU pods, HammingMesh): snakes that pass
// every GPU once and, together, use the links evenly.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

/// A box of GPUs; the last dimension is the fastest. `wraps`: by dimension, whether the last GPU of
/// a row is joined to the first.
struct GridBox {
  std::vector<std::int64_t> dims;
  std::vector<bool> wraps;
};

/// Closed walks over all places of the box, by their number in it. Where all dimensions wrap and
/// their sizes have a factor in common that suits (powers of two always do): in two dimensions a
/// decomposition into two cycles, each both ways, that uses every link once; in three dimensions
/// twelve cycles both ways that use every link four times. Else one snake both ways, which leaves
/// links unused; where all sizes are odd its end returns to its begin over more than one link.
std::vector<std::vector<std::uint32_t>> grid_rings(const GridBox& box);

/// The walks for some GPUs of a node in a grid (local numbers, ascending): along the box that they
/// fill; where they fill none, one walk in the order of a snake over the whole grid.
std::vector<std::vector<std::uint32_t>> grid_walks(const Grid& grid,
                                                   std::span<const std::uint32_t> members);

}  // namespace stepcast
