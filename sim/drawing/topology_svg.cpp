#include "sim/drawing/topology_svg.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <map>

#include "sim/base/plain_text.h"
#include "sim/base/quantity_text.h"
#include "sim/drawing/layout.h"
#include "sim/topology/inspect.h"

namespace stepcast {
namespace {

// Pixels.
constexpr int kLegendStep = 22;
constexpr int kSideBulge = 18;  ///< of arcs that close a column of a grid

/// Thickness by capacity in tenths of a pixel: a step for every factor of about three.
int thickness(double bytes_per_s) {
  constexpr std::array kSteps = {3e9, 10e9, 30e9, 100e9, 300e9, 1e12, 3e12, 10e12};
  int tenths = 10;
  for (const double step : kSteps)
    if (bytes_per_s >= step) tenths += 8;
  return tenths;
}

class TopologyDrawing {
 public:
  TopologyDrawing(const Topology& topology, std::int64_t num_gpus)
      : topology_(topology),
        report_(inspect(topology, num_gpus)),
        fabric_(topology, num_gpus),
        graph_(graph_of(fabric_, false)),
        layout_(
            lay_out(fabric_, graph_, select_parts(graph_, fabric_), report_, topology.device.name)),
        svg_(layout_.nodes) {}

  std::string document() {
    draw_links();
    svg_.append(layout_.boxes);
    draw_head();
    const int bottom = draw_legend();
    return svg_.document(layout_.width, bottom + kMargin,
                         topology_.name + ": " + counted(report_.gpus, "GPU"));
  }

 private:
  /// One line for both directions and all links between two vertices, as thick as the faster
  /// direction.
  void draw_links() {
    std::map<std::pair<std::uint32_t, std::uint32_t>, double> capacities;
    for (const GraphArc& arc : graph_.arcs) {
      if (!layout_.places.contains(arc.from) || !layout_.places.contains(arc.to)) continue;
      double& capacity = capacities[std::minmax(arc.from, arc.to)];
      if (arc.from < arc.to || capacity == 0)
        capacity += arc.capacity == GraphArc::kUnlimited ? 0 : static_cast<double>(arc.capacity);
    }
    for (const auto& [ends, capacity] : capacities) draw_link(ends.first, ends.second, capacity);
  }

  void draw_link(std::uint32_t a, std::uint32_t b, double capacity) {
    const std::string css = class_of(a, b, capacity);
    const int wide = capacity > 0 ? thickness(capacity) : 10;
    const std::string hint = fabric_.name_of(graph_.vertices[a]) + " - " +
                             fabric_.name_of(graph_.vertices[b]) +
                             (capacity > 0 ? ": " + to_text(BytesPerSec(capacity)) : "");
    Place upper = layout_.places.at(a);
    Place lower = layout_.places.at(b);
    if (upper.top.y > lower.top.y) std::swap(upper, lower);
    const bool gpus =
        graph_.vertices[a].kind == VertexKind::kGpu && graph_.vertices[b].kind == VertexKind::kGpu;
    if (gpus && wraps_round(upper, lower))
      return svg_.arc({upper.top.x, upper.top.y + upper.height}, lower.top, {kSideBulge, 0}, wide,
                      css, hint);
    if (upper.top.y != lower.top.y)
      return svg_.line({upper.top.x, upper.top.y + upper.height}, lower.top, wide, css, hint);
    const int step = gpus ? kBoxStep : kSwitchStep;
    const int bent = bulge(std::abs(upper.top.x - lower.top.x) / step);
    const int y = gpus ? upper.top.y + upper.height : upper.top.y;
    svg_.arc({upper.top.x, y}, {lower.top.x, y}, {0, gpus ? bent : -bent / 2}, wide, css, hint);
  }

  /// Between the first and the last row of a grid: other boxes of the column lie between.
  bool wraps_round(const Place& upper, const Place& lower) const {
    return std::ranges::any_of(layout_.places, [&](const auto& entry) {
      const Point& top = entry.second.top;
      return top.x == upper.top.x && top.y > upper.top.y && top.y < lower.top.y;
    });
  }

  std::string class_of(std::uint32_t a, std::uint32_t b, double capacity) {
    if (capacity == 0) {
      free_drawn_ = true;
      return "free";
    }
    const auto is = [&](VertexKind kind) {
      return (graph_.vertices[a].kind == kind) + (graph_.vertices[b].kind == kind);
    };
    if (is(VertexKind::kGateway) == 2) return "wan";
    if (is(VertexKind::kGpu) == 2) return "mesh";
    if (is(VertexKind::kGpu) + is(VertexKind::kNodeSwitch) == 2) return "inner";
    return is(VertexKind::kNic) > 0 ? "out" : "up";
  }

  static std::string class_of(LinkKind kind) {
    std::string name(name_of(kind));
    if (name == "mesh" || name == "wan") return name;
    if (name.starts_with("nic")) return "out";
    return name.starts_with("gpu") || name.starts_with("host") || name.starts_with("board")
               ? "inner"
               : "up";
  }

  void draw_head() {
    svg_.text({kMargin, 30}, "title", topology_.name);
    svg_.text({kMargin, 54}, "note",
              counted(report_.gpus, "GPU") + " in " + counted(report_.nodes, "node") +
                  ", bisection " + to_text(report_.bisection) + ", diameter " +
                  counted(report_.diameter_hops, "hop"));
  }

  /// "leaf: 4 links of 800 GB/s per direction". A cable's directions are of two kinds ("leaf_up"
  /// and "leaf_down") or both of one.
  static std::string legend_text(const LinkCount& row) {
    std::string kind(name_of(row.kind));
    const bool is_up = kind.ends_with("_up");
    if (is_up) kind.resize(kind.size() - 3);
    const std::int64_t cables = is_up ? row.count : row.count / 2;
    const std::string rate = row.slowest == row.fastest
                                 ? to_text(row.fastest)
                                 : to_text(row.slowest) + " to " + to_text(row.fastest);
    return kind + ": " + std::to_string(cables) + (cables == 1 ? " link of " : " links of ") +
           rate + " per direction";
  }

  /// The links by kind; returns where it ends. Both directions of a cable are alike, so "down" rows
  /// say nothing new.
  int draw_legend() {
    int y = layout_.bottom + 34;
    const auto entry = [&](int tenths_wide, const std::string& css, const std::string& text) {
      svg_.line({kMargin, y}, {kMargin + 46, y}, tenths_wide, css, "");
      svg_.text({kMargin + 60, y}, "note", text);
      y += kLegendStep;
    };
    for (const LinkCount& row : report_.links)
      if (!name_of(row.kind).ends_with("_down"))
        entry(thickness(row.fastest.value()), class_of(row.kind), legend_text(row));
    if (free_drawn_) entry(10, "free", "never what limits a transfer");
    return y - kLegendStep;
  }

  const Topology& topology_;
  FabricReport report_;
  Fabric fabric_;
  FabricGraph graph_;
  Layout layout_;
  Svg svg_;
  bool free_drawn_ = false;
};

}  // namespace

std::string topology_svg(const Topology& topology, std::int64_t num_gpus) {
  return TopologyDrawing(topology, num_gpus).document();
}

}  // namespace stepcast
