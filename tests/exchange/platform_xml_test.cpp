// The exported platform, loaded by SimGrid itself: each time in a child, since SimGrid aborts on
// bad platforms and has one engine a process.
#include "sim/exchange/platform_xml.h"

#include <gtest/gtest.h>
#include <unistd.h>

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

/// True when SimGrid sees, for all pairs, the links of Fabric::route() in their order, named and as
/// fast as ours, and moves a gigabyte from the first GPU to the last at the rate of the slowest.
bool simgrid_agrees(const Topology& topology, const std::string& file) {
  const Fabric fabric(topology, topology.num_gpus());
  sg::Engine engine("test");
  engine.load_platform(file);
  const auto host = [](std::int64_t gpu) { return sg::Host::by_name("gpu" + std::to_string(gpu)); };
  for (std::int64_t from = 0; from < fabric.num_gpus(); ++from)
    for (std::int64_t to = 0; to < fabric.num_gpus(); ++to) {
      if (from == to) continue;
      const std::vector<LinkId> path = route(fabric, from, to);
      std::vector<sg::Link*> links;
      double latency = 0;
      host(from)->route_to(host(to), links, &latency);
      if (links.size() != path.size() || latency != 0) return false;
      for (std::size_t i = 0; i < path.size(); ++i)
        if (links[i]->get_bandwidth() != fabric.links()[path[i]].capacity.value() ||
            links[i]->get_property("name") != fabric.link_name(path[i]))
          return false;
    }
  const std::int64_t last = fabric.num_gpus() - 1;
  double slowest = 1e18;
  for (const LinkId link : route(fabric, 0, last))
    slowest = std::min(slowest, fabric.links()[link].capacity.value());
  sg::Actor::create("sender", host(0),
                    [&] { sg::Comm::sendto(host(0), host(last), 1'000'000'000); });
  engine.run();
  return std::abs(sg::Engine::get_clock() / (1e9 / slowest) - 1) < 1e-9;
}

TEST(PlatformXmlDeathTest, IsWhatSimgridLoadsAndRoutesAsWeDo) {
  testing::GTEST_FLAG(death_test_style) = "threadsafe";
  const ScratchFolder folder;
  int number = 0;
  for (const Topology& plain : {nvswitch_cluster(1), nvswitch_cluster(3, 4, 2),
                                rail_cluster(5, 2, 2.5), chain_cluster(2, 4), pcie_cluster(3)}) {
    const Topology topology = with_device(plain);
    const std::string file = folder.write("platform" + std::to_string(number++) + ".xml",
                                          platform_xml(topology, topology.num_gpus()));
    EXPECT_EXIT(::_exit(simgrid_agrees(topology, file) ? 0 : 1), testing::ExitedWithCode(0), "")
        << file;
  }
}

TEST(PlatformXml, RefusesWhatWouldGrowTooLarge) {
  const std::string message =
      message_of(ErrorKind::kUsage, [] { platform_xml(nvswitch_cluster(100), 800); });
  EXPECT_NE(message.find("use --gpus with at most 512"), std::string::npos);
  EXPECT_NE(message_of(ErrorKind::kInfeasible, [] { platform_xml(nvswitch_cluster(1), 9); })
                .find("num_gpus = 9"),
            std::string::npos);
}

TEST(PlatformXml, EscapesNames) {
  Topology topology = with_device(nvswitch_cluster(1, 2));
  topology.name = "a<b>\"&\n";
  EXPECT_NE(platform_xml(topology, 2).find("<zone id=\"a&lt;b&gt;&quot;&amp;?\""),
            std::string::npos);
}

}  // namespace
}  // namespace stepcast
