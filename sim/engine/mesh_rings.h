// Rings over a mesh of direct links: how many closed walks over all GPUs of a group run side by
// side without sharing a link. NCCL searches them likewise; on a DGX-1V hybrid cube mesh it finds
// three, each in both directions, which use all six NVLinks of every GPU.
#pragma once

#include <cstdint>
#include <vector>

namespace stepcast {

/// `links[a][b]`: parallel links from a to b, the same from b to a; at most 8 vertices. Returns
/// closed walks over all vertices, starting at vertex 0, as many as can be disjoint (each link of a
/// bundle carries one walk per direction; a search of bounded length, so on unusual meshes maybe
/// fewer). Empty when the direct links admit none.
std::vector<std::vector<int>> disjoint_rings(const std::vector<std::vector<int>>& links);

}  // namespace stepcast
