#include "sim/drawing/layout.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <utility>

#include "sim/base/plain_text.h"
#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

// Pixels.
constexpr int kLabels = 190;  ///< column of texts on the left
constexpr int kHead = 84;
constexpr int kFreeAbove = 12;  ///< of it, between the texts and the first row
constexpr int kBoxWidth = 44, kBoxHeight = 26;
constexpr int kSwitchWidth = 64, kSwitchHeight = 30;
constexpr int kRowStep = 110;      ///< between levels of switches
constexpr int kInnerRowStep = 74;  ///< between rows of a node
constexpr int kNodePad = 14, kNodeGap = 26, kNodeLabel = 28;
constexpr int kUnderArcs = 20;   ///< between the arcs of a row of a grid and the next row
constexpr int kRestWidth = 100;  ///< of the box for nodes that are left out

class LayoutMaker {
 public:
  LayoutMaker(const Fabric& fabric, const FabricGraph& graph, const Selection& selection,
              const FabricReport& report, const std::string& device)
      : fabric_(fabric), graph_(graph), selection_(selection), report_(report), device_(device) {}

  Layout make() {
    layout_.width = std::max(760, kLabels + widest_row() + kMargin);
    int y = kHead + (selection_.levels.empty() ? 0 : arcs_above(selection_.levels.back()));
    for (std::size_t level = selection_.levels.size(); level-- > 0;) {
      lay_out_level(level, y);
      y += kRowStep;
    }
    lay_out_nodes(y);
    return std::move(layout_);
  }

 private:
  int widest_row() const {
    int widest = nodes_width();
    for (const Row& row : selection_.levels) widest = std::max(widest, slots(row) * kSwitchStep);
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
    for (const DrawnNode& node : selection_.nodes) width += node_width(node) + kNodeGap;
    return selection_.nodes_left_out > 0 ? width + kRestWidth : width - kNodeGap;
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
    layout_.boxes.box(corner, width, height, css, fabric_.name_of(graph_.vertices[vertex]));
    layout_.boxes.text(middle, "small", short_name(graph_.vertices[vertex]));
    layout_.places[vertex] = {{middle.x, corner.y}, height};
  }

  void place_rest(std::int64_t count, Point corner, int width, int height) {
    layout_.boxes.box(corner, width, height, "more", "left out of the drawing");
    layout_.boxes.text({corner.x + width / 2, corner.y + height / 2}, "small",
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

  /// "gpu 3", "sw 0", "leaf 0.7" (of pod 0), "core": inside a node the place tells which one. What
  /// has a name of the user's goes by it, cut to the width of its box.
  std::string short_name(const Vertex& vertex) const {
    const std::string name = fabric_.name_of(vertex);
    for (const std::string_view kind : {"switch ", "gateway of "})
      if (name.starts_with(kind)) return cut(name.substr(kind.size()));
    std::istringstream words(name_of(vertex));
    const std::vector<std::string> word{std::istream_iterator<std::string>(words), {}};
    if (word.size() != 4) return name_of(vertex);
    if (vertex.kind == VertexKind::kNodeSwitch) return "sw " + word[3];
    return word[2] + " " + (word[0] == "node" ? "" : word[1] + ".") + word[3];
  }

  /// To ten bytes, and not in the middle of a letter of several bytes.
  static std::string cut(std::string name) {
    constexpr std::size_t kMost = 10;
    if (name.size() <= kMost) return name;
    std::size_t end = kMost - 1;
    while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xC0) == 0x80) --end;
    return name.substr(0, end) + "…";
  }

  void lay_out_level(std::size_t level, int y) {
    const int center = kLabels + (layout_.width - kLabels - kMargin) / 2;
    lay_out_row(selection_.levels[level], center, y, kSwitchStep, kSwitchWidth, kSwitchHeight,
                "switch");
    const SwitchLevel& facts = report_.levels[level];
    const int middle = y + kSwitchHeight / 2;
    layout_.boxes.text(
        {kMargin, middle - 16}, "note",
        "level " + std::to_string(level + 1) + ": " + counted(facts.switches, "switch"));
    if (facts.oversubscription > 0)
      layout_.boxes.text({kMargin, middle}, "note",
                         "oversubscription " + number_text(facts.oversubscription, 3) + " : 1");
    if (facts.to_above > BytesPerSec{})
      layout_.boxes.text({kMargin, middle + 16}, "note", to_text(facts.to_above) + " up");
    else if (facts.to_peers > BytesPerSec{})
      layout_.boxes.text({kMargin, middle + 16}, "note", to_text(facts.to_peers) + " among them");
  }

  void lay_out_nodes(int y) {
    int x = kLabels + (layout_.width - kLabels - kMargin - nodes_width()) / 2;
    int bottom = y;
    int rest = x;
    for (const DrawnNode& node : selection_.nodes) {
      if (selection_.nodes_left_out > 0 && &node == &selection_.nodes.back()) {
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
      layout_.nodes.box({x, y}, width, height, "node");
      layout_.boxes.text({center, y + height - kNodeLabel / 2}, "small",
                         "node " + std::to_string(node.node));
      bottom = std::max(bottom, y + height);
      x += width + kNodeGap;
    }
    if (selection_.nodes_left_out > 0) {
      const Point middle{rest + kRestWidth / 2, (y + bottom) / 2};
      layout_.boxes.box({rest, y}, kRestWidth, bottom - y, "more", "left out of the drawing");
      layout_.boxes.text(middle, "", "+ " + std::to_string(selection_.nodes_left_out));
      layout_.boxes.text({middle.x, middle.y + 18}, "", "nodes");
    }
    layout_.boxes.text({kMargin, y + 16}, "note", counted(report_.nodes, "node"));
    layout_.boxes.text({kMargin, y + 34}, "note", std::to_string(report_.gpus) + " x " + device_);
    layout_.bottom = bottom;
  }

  /// Room for the arcs of NVLinks between GPUs.
  int arcs_below(const DrawnNode& node) const {
    if (node.columns > 0) return arcs_of_row(node);
    int room = 0;
    for (const GraphArc& arc : graph_.arcs) {
      const Vertex& from = graph_.vertices[arc.from];
      const Vertex& to = graph_.vertices[arc.to];
      if (from.kind == VertexKind::kGpu && to.kind == VertexKind::kGpu && from.group == node.node &&
          layout_.places.contains(arc.from) && layout_.places.contains(arc.to))
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

  const Fabric& fabric_;
  const FabricGraph& graph_;
  const Selection& selection_;
  const FabricReport& report_;
  const std::string& device_;
  Layout layout_;
};

}  // namespace

int bulge(std::int64_t steps) {
  return static_cast<int>(std::min<std::int64_t>(4 + 8 * steps, 110));
}

Layout lay_out(const Fabric& fabric, const FabricGraph& graph, const Selection& selection,
               const FabricReport& report, const std::string& device) {
  return LayoutMaker(fabric, graph, selection, report, device).make();
}

}  // namespace stepcast
