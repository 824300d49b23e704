// Follows a path over the wires of a fabric, with a finger as it were.
#pragma once

#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

inline Vertex vertex_of(const Fabric& fabric, std::int64_t gpu) {
  const std::int64_t node = fabric.node_of(gpu);
  return {VertexKind::kGpu, node, gpu - fabric.first_gpu_of(node)};
}

class Walker {
 public:
  /// From one link of a path to the next a step may cross so many wires without link.
  Walker(const Fabric& fabric, int free_wires) : free_wires_(free_wires) {
    for (const Wire& wire : fabric.wires()) {
      if (wire.link == Wire::kNoLink)
        free_[wire.from].insert(wire.to);
      else
        ends_[wire.link] = {wire.from, wire.to};
    }
  }

  bool leads(Vertex from, Vertex to, const std::vector<LinkId>& path) const {
    Vertex at = from;
    for (const LinkId link : path) {
      const auto& [start, end] = ends_.at(link);
      if (!joined(at, start, free_wires_)) return false;
      at = end;
    }
    return joined(at, to, free_wires_);
  }

 private:
  bool joined(const Vertex& a, const Vertex& b, int wires) const {
    if (a == b) return true;
    if (wires == 0 || !free_.contains(a)) return false;
    for (const Vertex& next : free_.at(a))
      if (joined(next, b, wires - 1)) return true;
    return false;
  }

  int free_wires_;
  std::map<Vertex, std::set<Vertex>> free_;
  std::map<LinkId, std::pair<Vertex, Vertex>> ends_;
};

}  // namespace stepcast
