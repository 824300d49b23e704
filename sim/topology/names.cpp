// What links and vertices are called.
#include "sim/topology/fabric.h"

namespace stepcast {

std::string_view name_of(LinkKind kind) {
  switch (kind) {
    case LinkKind::kGpuUp:
      return "gpu_up";
    case LinkKind::kGpuDown:
      return "gpu_down";
    case LinkKind::kMesh:
      return "mesh";
    case LinkKind::kBoardUp:
      return "board_up";
    case LinkKind::kBoardDown:
      return "board_down";
    case LinkKind::kHost:
      return "host";
    case LinkKind::kNicUp:
      return "nic_up";
    case LinkKind::kNicDown:
      return "nic_down";
    case LinkKind::kLeafUp:
      return "leaf_up";
    case LinkKind::kLeafDown:
      return "leaf_down";
    case LinkKind::kSpineUp:
      return "spine_up";
    case LinkKind::kSpineDown:
      return "spine_down";
    case LinkKind::kPeer:
      return "peer";
    case LinkKind::kWan:
      return "wan";
  }
  return "";
}

std::string name_of(const Vertex& vertex) {
  const std::string group = std::to_string(vertex.group);
  const std::string index = std::to_string(vertex.index);
  switch (vertex.kind) {
    case VertexKind::kGpu:
      return "node " + group + " gpu " + index;
    case VertexKind::kNodeSwitch:
      return "node " + group + " switch " + index;
    case VertexKind::kNic:
      return "node " + group + " nic " + index;
    case VertexKind::kLeaf:
      return "pod " + group + " leaf " + index;
    case VertexKind::kSpine:
      return "pod " + group + " spine " + index;
    case VertexKind::kCore:
      return vertex.group == 0 && vertex.index == 0 ? "core" : "core " + group + "." + index;
    case VertexKind::kGateway:
      return "gateway " + group;
  }
  return "";
}

}  // namespace stepcast
