// The exported platform, loaded by SimGrid itself: each time in a child, since SimGrid aborts on
// bad platforms and has one engine a process.
#include "sim/exchange/platform_xml.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <simgrid/s4u.hpp>

#include "sim/base/file_io.h"
#include "tests/exchange/samples.h"
#include "tests/support/scratch_folder.h"
#include "tests/topology/clusters.h"

namespace stepcast {
namespace {

namespace sg = simgrid::s4u;

Topology with_device(Topology topology) {
  topology.device.peak_fp32 = FlopsPerSec(19.5e12);
  return topology;
}

/// A shape as its JSON reader would leave it.
Topology with_fabric(Topology topology, const FabricSpec& fabric) {
  topology.fabric = fabric;
  return topology;
}

Topology fat_tree(std::int64_t nodes, std::int64_t uplinks, std::int64_t leaves_per_pod) {
  return with_fabric(nvswitch_cluster(nodes, 4, 2), {.kind = FabricKind::kFatTree,
                                                     .nodes_per_leaf = 2,
                                                     .oversubscription = 2,
                                                     .leaves_per_pod = leaves_per_pod,
                                                     .uplinks = uplinks});
}

/// Routers of two nodes, groups of three routers; the links between groups take a microsecond.
Topology dragonfly(std::int64_t nodes, bool valiant) {
  return with_fabric(nvswitch_cluster(nodes, 4, 2), {.kind = FabricKind::kDragonfly,
                                                     .nodes_per_router = 2,
                                                     .routers_per_group = 3,
                                                     .local_bandwidth = BytesPerSec(50e9),
                                                     .global_bandwidth = BytesPerSec(100e9),
                                                     .global_latency = Seconds(1e-6),
                                                     .valiant = valiant});
}

Topology rail_only(std::int64_t nodes, std::int64_t gpus, std::int64_t nics) {
  return with_fabric(nvswitch_cluster(nodes, gpus, nics), {.kind = FabricKind::kRailOnly});
}

/// Two nodes with NICs on switches of their own, a third one between them.
Topology switch_graph() {
  return with_fabric(nvswitch_cluster(2, 2, 2),
                     {.kind = FabricKind::kGraph,
                      .switches = {"a", "b", "c"},
                      .switch_links = {{0, 2, BytesPerSec(10e9), Seconds(1e-6)},
                                       {2, 1, BytesPerSec(20e9), Seconds(2e-6)}},
                      .nic_plugs = {{0, 0, 0}, {0, 1, 1}, {1, 0, 0}, {1, 1, 1}}});
}

/// A rail-optimised data centre and one with a sprayed fat tree, 5 ms apart.
Topology two_data_centers() {
  Topology topology = rail_cluster(7, 2);
  topology.data_centers = {{"east", 4, {.kind = FabricKind::kRailOptimized, .nodes_per_leaf = 2}},
                           {"west", 3, {.kind = FabricKind::kFatTree, .nodes_per_leaf = 1}}};
  topology.wan = {{0, 1, BytesPerSec(100e9), Seconds(5e-3)}};
  return topology;
}

/// Three pods of twelve chips in a grid, four NICs each.
Topology torus_pods() {
  Topology topology = nvswitch_cluster(3, 12, 4);
  topology.node.intra = IntraNode::kTorus;
  topology.node.dims = {4, 3};
  topology.node.link_latency = Seconds(1e-7);
  return topology;
}

bool is_our_route(const Fabric& fabric, std::int64_t from, std::int64_t to) {
  const auto host = [](std::int64_t gpu) { return sg::Host::by_name("gpu" + std::to_string(gpu)); };
  const std::vector<LinkId> path = route(fabric, from, to);
  std::vector<sg::Link*> links;
  double latency = 0;
  host(from)->route_to(host(to), links, &latency);
  if (links.size() != path.size()) return false;
  for (std::size_t i = 0; i < path.size(); ++i)
    if (links[i]->get_name() != "link" + std::to_string(path[i]) ||
        links[i]->get_bandwidth() != fabric.links()[path[i]].capacity.value())
      return false;
  return std::abs(latency - fabric.latency_of(path).value()) < 1e-12;
}

/// True when SimGrid sees the links of Fabric::route() in their order, named and as fast as ours,
/// for all pairs or `pairs` random ones, and moves a gigabyte from the first GPU to the last at the
/// rate of the slowest, after the latency of all.
bool simgrid_agrees(const Topology& topology, const std::string& file, int pairs = 0) {
  const Fabric fabric(topology, topology.num_gpus());
  sg::Engine engine("test");
  engine.load_platform(file);
  engine.seal_platform();
  const std::int64_t gpus = fabric.num_gpus(), last = gpus - 1;
  if (pairs == 0)
    for (std::int64_t from = 0; from < gpus; ++from)
      for (std::int64_t to = 0; to < gpus; ++to)
        if (from != to && !is_our_route(fabric, from, to)) return false;
  std::mt19937_64 random(7);
  for (int i = 0; i < pairs; ++i) {
    const auto from = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(gpus));
    const std::int64_t near = from / 8 * 8 + (from + 3) % 8;  // half of them in one node
    const std::int64_t to =
        i % 2 == 0 ? near : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(gpus));
    if (from != to && !is_our_route(fabric, from, to)) return false;
  }
  for (LinkId link = 0; link < fabric.links().size(); link += 97)
    if (sg::Link::by_name("link" + std::to_string(link))->get_property("name") !=
        fabric.link_name(link))
      return false;
  double slowest = 1e18;
  for (const LinkId link : route(fabric, 0, last))
    slowest = std::min(slowest, fabric.links()[link].capacity.value());
  const double expected = 1e9 / slowest + fabric.latency_of(route(fabric, 0, last)).value();
  sg::Actor::create("sender", sg::Host::by_name("gpu0"), [&] {
    sg::Comm::sendto(sg::Host::by_name("gpu0"), sg::Host::by_name("gpu" + std::to_string(last)),
                     1'000'000'000);
  });
  engine.run();
  return std::abs(sg::Engine::get_clock() / expected - 1) < 1e-9;
}

class PlatformXmlDeathTest : public testing::Test {
 protected:
  PlatformXmlDeathTest() { testing::GTEST_FLAG(death_test_style) = "threadsafe"; }
  const ScratchFolder folder_;
};

TEST_F(PlatformXmlDeathTest, IsWhatSimgridLoadsAndRoutesAsWeDo) {
  int number = 0;
  for (const Topology& plain :
       {nvswitch_cluster(1), nvswitch_cluster(3, 4, 2), rail_cluster(5, 2, 2.5), rail_cluster(5, 2),
        rail_cluster(4, 2, 1, 4, 2), chain_cluster(2, 4), pcie_cluster(3), fat_tree(7, 0, 0),
        fat_tree(12, 0, 2), fat_tree(7, 3, 0), dragonfly(13, false), dragonfly(13, true),
        rail_only(3, 4, 4), rail_only(3, 4, 2), switch_graph(), two_data_centers(), torus_pods()}) {
    const Topology topology = with_device(plain);
    const std::string file = folder_.write("platform" + std::to_string(number++) + ".xml",
                                           platform_xml(topology, topology.num_gpus()));
    EXPECT_EXIT(::_exit(simgrid_agrees(topology, file) ? 0 : 1), testing::ExitedWithCode(0), "")
        << file;
  }
}

// A route for every pair would be half a gigabyte for most of these.
TEST_F(PlatformXmlDeathTest, ThousandsOfGpusFitIntoAFewMegabytes) {
  int number = 0;
  for (const Topology& plain :
       {rail_cluster(256, 32, 2, 8, 8), nvswitch_cluster(512, 8, 8), dragonfly(510, false)}) {
    const Topology topology = with_device(plain);
    const std::string text = platform_xml(topology, topology.num_gpus());
    EXPECT_LT(text.size(), 20'000'000U);
    const std::string file = folder_.write("large" + std::to_string(number++) + ".xml", text);
    EXPECT_EXIT(::_exit(simgrid_agrees(topology, file, 2000) ? 0 : 1), testing::ExitedWithCode(0),
                "")
        << file;
  }
}

TEST(PlatformXml, RefusesWhatWouldGrowTooLarge) {
  // 1,600 GPUs of a hashed fat tree have 2.6 million routes of some 150 bytes.
  const std::string message =
      message_of(ErrorKind::kUnsupported, [] { platform_xml(fat_tree(400, 3, 0), 1600); });
  EXPECT_NE(message.find("1600 GPUs of topology \"test\" need a platform file of more than 250 MB"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("use --gpus with fewer"), std::string::npos);
  EXPECT_NE(message_of(ErrorKind::kInfeasible, [] { platform_xml(nvswitch_cluster(1), 9); })
                .find("num_gpus = 9"),
            std::string::npos);
}

/// What a GPU hands over to must be there.
TEST(PlatformXml, RefusesRailsOfWhichTheLastNodeHasOnlySome) {
  const std::string message =
      message_of(ErrorKind::kUnsupported, [] { platform_xml(rail_only(3, 4, 4), 10); });
  EXPECT_NE(message.find("use --gpus with whole nodes"), std::string::npos) << message;
  EXPECT_NO_THROW(platform_xml(with_device(rail_cluster(3, 2)), 10));
}

TEST(PlatformXml, EscapesNames) {
  Topology topology = with_device(nvswitch_cluster(1, 2));
  topology.name = "a<b>\"&\n";
  EXPECT_NE(platform_xml(topology, 2).find("<zone id=\"a&lt;b&gt;&quot;&amp;?\""),
            std::string::npos);
}

TEST(PlatformXml, RanksThatShareAGpuAreRefused) {
  Topology topology = nvswitch_cluster(1);
  topology.ranks_per_gpu = 2;
  EXPECT_THROW(platform_xml(topology, 4), Error);
}

}  // namespace
}  // namespace stepcast
