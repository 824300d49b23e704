#include "sim/drawing/topology_svg.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <map>
#include <sstream>

#include "sim/base/quantity_text.h"
#include "sim/drawing/selection.h"
#include "sim/drawing/svg.h"
#include "sim/topology/inspect.h"

namespace stepcast {
namespace {

// Pixels.
constexpr int kMargin = 24;
constexpr int kLabels = 190;  ///< column of texts on the left
constexpr int kHead = 84;
constexpr int kFreeAbove = 12;  ///< of it, between the texts and the first row
constexpr int kBoxWidth = 44, kBoxHeight = 26, kBoxStep = 52;
constexpr int kSwitchWidth = 64, kSwitchStep = 76, kSwitchHeight = 30;
constexpr int kRowStep = 110;      ///< between levels of switches
constexpr int kInnerRowStep = 74;  ///< between rows of a node
constexpr int kNodePad = 14, kNodeGap = 26, kNodeLabel = 28;
constexpr int kUnderArcs = 20;   ///< between the arcs of a row of a grid and the next row
constexpr int kSideBulge = 18;   ///< of arcs that close a column of a grid
constexpr int kRestWidth = 100;  ///< of the box for nodes that are left out
constexpr int kLegendStep = 22;

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
        parts_(select_parts(graph_, fabric_)) {}

  std::string document() {
    lay_out();
    draw_links();
    svg_.append(boxes_);
    draw_head();
    const int bottom = draw_legend();
    return svg_.document(width_, bottom + kMargin,
                         topology_.name + ": " + std::to_string(report_.gpus) + " GPUs");
  }

 private:
  // Places first, since links lie below boxes: boxes go to a drawing of their own.

  void lay_out() {
    width_ = std::max(760, kLabels + widest_row() + kMargin);
    int y = kHead + (parts_.levels.empty() ? 0 : arcs_above(parts_.levels.back()));
    for (std::size_t level = parts_.levels.size(); level-- > 0;) {
      lay_out_level(level, y);
      y += kRowStep;
    }
    lay_out_nodes(y);
  }

  int widest_row() const {
    int widest = nodes_width();
    for (const Row& row : parts_.levels) widest = std::max(widest, slots(row) * kSwitchStep);
    return widest;
  }

  static int slots(const Row& row) {
    return static_cast<int>(row.vertices.size()) + (row.left_out > 0 ? 1 : 0);
  }
  /// Boxes of the widest row of GPUs, with one for what is left out.
  static int gpu_slots(const DrawnNode& node) {
    if (node.columns == 0) return slots(node.gpus);
    return static_cast<int>(node.columns) + (node.gpus.left_out > 0 ? 1 : 0);
  }
  static int node_width(const DrawnNode& node) {
    const int most = std::max({gpu_slots(node), slots(node.nics), slots(node.switches), 2});
    return most * kBoxStep + 2 * kNodePad;
  }
  int nodes_width() const {
    int width = 0;
    for (const DrawnNode& node : parts_.nodes) width += node_width(node) + kNodeGap;
    return parts_.nodes_left_out > 0 ? width + kRestWidth : width - kNodeGap;
  }

  /// A row of boxes around the middle `center`, with one more for what is left out.
  void lay_out_row(const Row& row, int center, int y, int step, int width, int height,
                   const std::string& css) {
    int x = center - slots(row) * step / 2 + (step - width) / 2;
    for (const std::uint32_t vertex : row.vertices) {
      place_box(vertex, {x, y}, width, height, css);
      x += step;
    }
    if (row.left_out > 0) place_rest(row.left_out, {x, y}, width, height);
  }

  void place_box(std::uint32_t vertex, Point corner, int width, int height,
                 const std::string& css) {
    const Point middle{corner.x + width / 2, corner.y + height / 2};
    boxes_.box(corner, width, height, css, name_of(graph_.vertices[vertex]));
    boxes_.text(middle, "small", short_name(graph_.vertices[vertex]));
    places_[vertex] = {{middle.x, corner.y}, height};
  }

  void place_rest(std::int64_t count, Point corner, int width, int height) {
    boxes_.box(corner, width, height, "more", "left out of the drawing");
    boxes_.text({corner.x + width / 2, corner.y + height / 2}, "small",
                "+ " + std::to_string(count));
  }

  /// Rows of GPUs below each other; what is left out stands beside the last.
  void lay_out_grid(const DrawnNode& node, int center, int y) {
    const int left = center - gpu_slots(node) * kBoxStep / 2 + (kBoxStep - kBoxWidth) / 2;
    Point corner{left, y};
    for (std::size_t i = 0; i < node.gpus.vertices.size(); ++i) {
      corner = {left + static_cast<int>(i % node.columns) * kBoxStep,
                y + static_cast<int>(i / node.columns) * grid_step(node)};
      place_box(node.gpus.vertices[i], corner, kBoxWidth, kBoxHeight, "gpu");
    }
    if (node.gpus.left_out > 0)
      place_rest(node.gpus.left_out, {corner.x + kBoxStep, corner.y}, kBoxWidth, kBoxHeight);
  }

  /// From one row of a grid to the next: the arc that closes a row fits between.
  static int grid_step(const DrawnNode& node) {
    return kBoxHeight + arcs_of_row(node) + kUnderArcs;
  }
  static int arcs_of_row(const DrawnNode& node) {
    return bulge(node.closed_rows ? static_cast<std::int64_t>(node.columns) - 1 : 1);
  }

  /// "gpu 3", "sw 0", "leaf 0.7" (of pod 0), "core": inside a node the place tells which one.
  static std::string short_name(const Vertex& vertex) {
    std::istringstream words(name_of(vertex));
    const std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
    if (word.size() != 4) return name_of(vertex);
    if (vertex.kind == VertexKind::kNodeSwitch) return "sw " + word[3];
    return word[2] + " " + (word[0] == "node" ? "" : word[1] + ".") + word[3];
  }

  void lay_out_level(std::size_t level, int y) {
    const int center = kLabels + (width_ - kLabels - kMargin) / 2;
    lay_out_row(parts_.levels[level], center, y, kSwitchStep, kSwitchWidth, kSwitchHeight,
                "switch");
    const SwitchLevel& facts = report_.levels[level];
    const int middle = y + kSwitchHeight / 2;
    boxes_.text({kMargin, middle - 16}, "note",
                "level " + std::to_string(level + 1) + ": " + std::to_string(facts.switches) +
                    (facts.switches == 1 ? " switch" : " switches"));
    if (facts.oversubscription > 0)
      boxes_.text({kMargin, middle}, "note",
                  "oversubscription " + number_text(facts.oversubscription, 3) + " : 1");
    if (facts.to_above > BytesPerSec{})
      boxes_.text({kMargin, middle + 16}, "note", to_text(facts.to_above) + " up");
    else if (facts.to_peers > BytesPerSec{})
      boxes_.text({kMargin, middle + 16}, "note", to_text(facts.to_peers) + " among them");
  }

  void lay_out_nodes(int y) {
    int x = kLabels + (width_ - kLabels - kMargin - nodes_width()) / 2;
    int bottom = y;
    int rest = x;
    for (const DrawnNode& node : parts_.nodes) {
      if (parts_.nodes_left_out > 0 && &node == &parts_.nodes.back()) {
        rest = x;
        x += kRestWidth + kNodeGap;
      }
      const int width = node_width(node);
      const int center = x + width / 2;
      int row = y + kNodePad;
      if (!node.nics.vertices.empty()) {
        lay_out_row(node.nics, center, row, kBoxStep, kBoxWidth, kBoxHeight, "nic");
        row += kInnerRowStep;
      }
      if (!node.switches.vertices.empty()) {
        lay_out_row(node.switches, center, row, kBoxStep, kBoxWidth, kBoxHeight, "inside");
        row += kInnerRowStep;
      }
      if (node.columns == 0) {
        lay_out_row(node.gpus, center, row, kBoxStep, kBoxWidth, kBoxHeight, "gpu");
      } else {
        lay_out_grid(node, center, row);
        row += static_cast<int>(node.gpus.vertices.size() / node.columns - 1) * grid_step(node);
      }
      const int height = row + kBoxHeight + arcs_below(node) + kNodeLabel - y;
      svg_.box({x, y}, width, height, "node");
      boxes_.text({center, y + height - kNodeLabel / 2}, "small",
                  "node " + std::to_string(node.node));
      bottom = std::max(bottom, y + height);
      x += width + kNodeGap;
    }
    if (parts_.nodes_left_out > 0) {
      const Point middle{rest + kRestWidth / 2, (y + bottom) / 2};
      boxes_.box({rest, y}, kRestWidth, bottom - y, "more", "left out of the drawing");
      boxes_.text(middle, "", "+ " + std::to_string(parts_.nodes_left_out));
      boxes_.text({middle.x, middle.y + 18}, "", "nodes");
    }
    boxes_.text({kMargin, y + 16}, "note",
                std::to_string(report_.nodes) + (report_.nodes == 1 ? " node" : " nodes"));
    boxes_.text({kMargin, y + 34}, "note",
                std::to_string(report_.gpus) + " x " + topology_.device.name);
    bottom_ = bottom;
  }

  /// How far an arc between two boxes of a row bulges, `steps` boxes apart.
  static int bulge(std::int64_t steps) {
    return static_cast<int>(std::min<std::int64_t>(4 + 8 * steps, 110));
  }

  /// Room for the arcs of NVLinks between GPUs.
  int arcs_below(const DrawnNode& node) const {
    if (node.columns > 0) return arcs_of_row(node);
    int room = 0;
    for (const GraphArc& arc : graph_.arcs) {
      const Vertex& from = graph_.vertices[arc.from];
      const Vertex& to = graph_.vertices[arc.to];
      if (from.kind == VertexKind::kGpu && to.kind == VertexKind::kGpu && from.group == node.node &&
          places_.contains(arc.from) && places_.contains(arc.to))
        room = std::max(room, bulge(std::abs(from.index - to.index)));
    }
    return room;
  }

  /// Room for the arcs between switches of the highest level, beyond what the head leaves free.
  int arcs_above(const Row& row) const {
    std::map<std::uint32_t, std::int64_t> place;
    for (const std::uint32_t vertex : row.vertices) place.emplace(vertex, std::ssize(place));
    int room = 0;
    for (const GraphArc& arc : graph_.arcs)
      if (place.contains(arc.from) && place.contains(arc.to))
        room = std::max(room, bulge(std::abs(place.at(arc.from) - place.at(arc.to))) / 2);
    return std::max(0, room - kFreeAbove);
  }

  struct Place {
    Point top;  ///< middle of the upper edge
    int height = 0;
  };

  /// One line for both directions and all links between two vertices, as thick as the faster
  /// direction.
  void draw_links() {
    std::map<std::pair<std::uint32_t, std::uint32_t>, double> capacities;
    for (const GraphArc& arc : graph_.arcs) {
      if (!places_.contains(arc.from) || !places_.contains(arc.to)) continue;
      double& capacity = capacities[std::minmax(arc.from, arc.to)];
      if (arc.from < arc.to || capacity == 0)
        capacity += arc.capacity == GraphArc::kUnlimited ? 0 : static_cast<double>(arc.capacity);
    }
    for (const auto& [ends, capacity] : capacities) draw_link(ends.first, ends.second, capacity);
  }

  void draw_link(std::uint32_t a, std::uint32_t b, double capacity) {
    const std::string css = class_of(a, b, capacity);
    const int wide = capacity > 0 ? thickness(capacity) : 10;
    const std::string hint = name_of(graph_.vertices[a]) + " - " + name_of(graph_.vertices[b]) +
                             (capacity > 0 ? ": " + to_text(BytesPerSec(capacity)) : "");
    Place upper = places_.at(a);
    Place lower = places_.at(b);
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
    return std::ranges::any_of(places_, [&](const auto& entry) {
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
    const std::string name(name_of(kind));
    if (name == "mesh" || name == "wan") return name;
    if (name.starts_with("nic")) return "out";
    return name.starts_with("gpu") || name.starts_with("host") || name.starts_with("board")
               ? "inner"
               : "up";
  }

  void draw_head() {
    svg_.text({kMargin, 30}, "title", topology_.name);
    svg_.text({kMargin, 54}, "note",
              std::to_string(report_.gpus) + " GPUs in " + std::to_string(report_.nodes) +
                  (report_.nodes == 1 ? " node" : " nodes") + ", bisection " +
                  to_text(report_.bisection) + ", diameter " +
                  std::to_string(report_.diameter_hops) + " hops");
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
    int y = bottom_ + 34;
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
  Selection parts_;
  std::map<std::uint32_t, Place> places_;
  Svg svg_;
  Svg boxes_;
  int width_ = 0;
  int bottom_ = 0;
  bool free_drawn_ = false;
};

}  // namespace

std::string topology_svg(const Topology& topology, std::int64_t num_gpus) {
  return TopologyDrawing(topology, num_gpus).document();
}

}  // namespace stepcast
