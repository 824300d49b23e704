// Where everything of a drawing stands: switches by level on top, nodes with NICs, switches and
// GPUs below, what is left out as a number beside it.
#pragma once

#include <cstdint>
#include <map>

#include "sim/drawing/selection.h"
#include "sim/drawing/svg.h"
#include "sim/topology/inspect.h"

namespace stepcast {

// Pixels.
inline constexpr int kMargin = 24;
inline constexpr int kBoxStep = 52;     ///< from one GPU of a row to the next
inline constexpr int kSwitchStep = 76;  ///< from one switch of a level to the next

/// How far an arc between two boxes of a row bulges, `steps` boxes apart. Between switches, which
/// have their arcs above, it is half of that.
int bulge(std::int64_t steps);

struct Place {
  Point top;  ///< middle of the upper edge
  int height = 0;
};

struct Layout {
  std::map<std::uint32_t, Place> places;  ///< of the vertices that are drawn
  Svg nodes;                              ///< what lies below the links
  Svg boxes;                              ///< what lies above them, with its texts
  int width = 0;
  int bottom = 0;  ///< of the nodes
};

/// All of `fabric`; `device` is its GPUs' name.
Layout lay_out(const Fabric& fabric, const FabricGraph& graph, const Selection& selection,
               const FabricReport& report, const std::string& device);

}  // namespace stepcast
