// The drawing: sound XML, the same bytes every time, everything drawn or counted.
#include "sim/drawing/topology_svg.h"

#include <gtest/gtest.h>

#include <pugixml.hpp>

#include "tests/topology/clusters.h"

namespace stepcast {
namespace {

std::string draw(const Topology& topology) { return topology_svg(topology, topology.num_gpus()); }

/// Boxes of a class of the style sheet.
int boxes(const std::string& svg, const std::string& css) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(svg.c_str()));
  int count = 0;
  for (const pugi::xml_node rect : document.document_element().children("rect"))
    count += rect.attribute("class").value() == css;
  return count;
}

bool says(const std::string& svg, const std::string& text) {
  return svg.find(text) != std::string::npos;
}

TEST(TopologySvg, DrawsASmallClusterInFull) {
  const std::string svg = draw(rail_cluster(4, 2));
  EXPECT_EQ(boxes(svg, "node"), 4);
  EXPECT_EQ(boxes(svg, "gpu"), 16);
  EXPECT_EQ(boxes(svg, "nic"), 16);
  EXPECT_EQ(boxes(svg, "inside"), 4);
  EXPECT_EQ(boxes(svg, "switch"), 8 + 1);
  EXPECT_EQ(boxes(svg, "more"), 0);
  EXPECT_TRUE(says(svg, "node 3 gpu 2</title>"));
}

TEST(TopologySvg, CountsWhatItLeavesOut) {
  // 2,048 nodes of 8: the first two and the last are drawn, and the 8 leaves of either pod out
  // of 64.
  const std::string svg = draw(rail_cluster(2048, 32, 2, 8, 8));
  EXPECT_EQ(boxes(svg, "node"), 3);
  EXPECT_EQ(boxes(svg, "switch"), 2 * 8 + 1);
  EXPECT_TRUE(says(svg, ">+ 2045</text>"));
  EXPECT_TRUE(says(svg, ">+ 496</text>"));
  EXPECT_TRUE(says(svg, ">node 2047</text>"));
  EXPECT_TRUE(says(svg, "level 1: 512 switches"));
  EXPECT_TRUE(says(svg, "oversubscription 2 : 1"));
  EXPECT_LT(svg.size(), 40'000u);
}

TEST(TopologySvg, CountsTheGpusOfALargeNode) {
  const std::string svg = draw(nvswitch_cluster(2, 72, 72));
  EXPECT_EQ(boxes(svg, "gpu"), 16);
  EXPECT_TRUE(says(svg, ">+ 64</text>"));
}

TEST(TopologySvg, DrawsNvlinksBetweenGpusOnceEach) {
  const std::string svg = draw(chain_cluster(1, 6));
  std::size_t arcs = 0;
  for (std::size_t at = svg.find("<path"); at != std::string::npos; at = svg.find("<path", at + 1))
    ++arcs;
  EXPECT_EQ(arcs, 5u);
  EXPECT_TRUE(says(svg, "node 0 gpu 0 - node 0 gpu 1: 25.0 GB/s"));
}

/// Of the box with this text: its middle, in pixels.
std::pair<int, int> place_of(const std::string& svg, const std::string& text) {
  pugi::xml_document document;
  EXPECT_TRUE(document.load_string(svg.c_str()));
  for (const pugi::xml_node node : document.document_element().children("text"))
    if (node.text().get() == text)
      return {node.attribute("x").as_int(), node.attribute("y").as_int()};
  ADD_FAILURE() << text << " is not drawn";
  return {};
}

Topology torus_cluster(std::vector<std::int64_t> dims) {
  Topology topology = nvswitch_cluster(1, 1, 0);
  topology.node.intra = IntraNode::kTorus;
  topology.node.gpus = 1;
  for (const std::int64_t side : dims) topology.node.gpus *= side;
  topology.node.dims = std::move(dims);
  return topology;
}

TEST(TopologySvg, DrawsAPlaneOfATorusAsAGrid) {
  const std::string svg = draw(torus_cluster({2, 3, 4}));
  EXPECT_EQ(boxes(svg, "gpu"), 12);
  EXPECT_TRUE(says(svg, ">+ 12</text>"));
  EXPECT_EQ(place_of(svg, "gpu 4").first, place_of(svg, "gpu 0").first);
  EXPECT_GT(place_of(svg, "gpu 4").second, place_of(svg, "gpu 0").second);
  EXPECT_EQ(place_of(svg, "gpu 7").second, place_of(svg, "gpu 4").second);
  for (const char* hint : {"gpu 0 - node 0 gpu 3:", "gpu 0 - node 0 gpu 8:"})  // round the back
    EXPECT_TRUE(says(svg, hint)) << hint;
}

TEST(TopologySvg, CountsCablesNotDirections) {
  EXPECT_TRUE(says(draw(chain_cluster(1, 2)), "mesh: 1 link of 25.0 GB/s per direction"));
  EXPECT_TRUE(says(draw(nvswitch_cluster(2)), "gpu: 16 links of 300 GB/s per direction"));
}

TEST(TopologySvg, ExplainsThinLinesOnlyWhereThereAreSome) {
  EXPECT_TRUE(says(draw(nvswitch_cluster(2)), "never what limits"));
  EXPECT_FALSE(says(draw(torus_cluster({4, 4})), "never what limits"));
}

TEST(TopologySvg, IsTheSameBytesEveryTime) {
  EXPECT_EQ(draw(pcie_cluster(5)), draw(pcie_cluster(5)));
}

TEST(TopologySvg, CallsSwitchesByTheNamesOfTheUser) {
  Topology topology = nvswitch_cluster(2, 1, 1);
  topology.fabric = {.kind = FabricKind::kGraph,
                     .switches = {"north", "a switch of a rather long name"},
                     .switch_links = {{.a = 0, .b = 1, .bandwidth = BytesPerSec(1e9)}},
                     .nic_plugs = {{.node = 0, .nic = 0, .plugged_into = 0},
                                   {.node = 1, .nic = 0, .plugged_into = 1}}};
  const std::string svg = draw(topology);
  EXPECT_TRUE(says(svg, ">north</text>"));
  EXPECT_TRUE(says(svg, ">a switch …</text>"));
  EXPECT_TRUE(says(svg, "switch north - switch a switch of a rather long name: 1.00 GB/s"));
}

TEST(TopologySvg, EscapesNames) {
  Topology topology = nvswitch_cluster(1);
  topology.name = "a<b> & \"c\"";
  EXPECT_EQ(boxes(draw(topology), "node"), 1);
  EXPECT_TRUE(says(draw(topology), "a&lt;b&gt; &amp;"));
}

TEST(TopologySvg, DrawsTheSmallestCluster) {
  EXPECT_EQ(boxes(draw(nvswitch_cluster(1, 1, 0)), "gpu"), 1);
}

}  // namespace
}  // namespace stepcast
