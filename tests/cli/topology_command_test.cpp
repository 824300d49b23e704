// stepcast topology: figures that a datasheet lets one work out, and mistakes.
#include <gtest/gtest.h>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

ProgramRun run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {STEPCAST_BINARY, "topology"});
  return run_program(arguments);
}

double number(const JsonValue& object, const char* key) { return *object.member(key)->as_number(); }

TEST(TopologyCommand, SaysWhatADatasheetSays) {
  // 8 nodes of 8 H100: one pod of the 32 that a leaf serves. NVLink 450, NIC 50 GB/s.
  const ProgramRun ran = run({"dgx-h100", "--gpus", "64", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue root = parse_json(ran.out, "stdout").root();
  EXPECT_EQ(number(root, "nodes"), 8);
  EXPECT_EQ(number(root, "nics"), 64);
  EXPECT_EQ(number(root, "bisection_bytes_per_s"), 32 * 50e9);
  EXPECT_EQ(number(root, "bisection_per_gpu_bytes_per_s"), 50e9);
  EXPECT_EQ(number(root, "diameter_hops"), 6);  // GPU, NIC, leaf, spine, leaf, NIC, GPU
  EXPECT_EQ(number(root, "price_usd_per_h"), 64 * 3.0);
  EXPECT_EQ(number(root, "peak_power_w"), (64 * 700 + 8 * 4000) * 1.25);
  EXPECT_EQ(root.member("levels")->elements().size(), 2u);
}

TEST(TopologyCommand, ShowsARouteLinkByLink) {
  const ProgramRun ran = run({"dgx1-v100-32g", "--gpus", "8", "--route", "0:6", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue route = *parse_json(ran.out, "stdout").root().member("route");
  const auto links = route.member("links")->elements();
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(links[0].member("link")->as_string(), "node 0 gpu 0 -> node 0 gpu 4");
  EXPECT_EQ(number(links[0], "capacity_bytes_per_s"), 50e9);
  EXPECT_EQ(number(route, "slowest_bytes_per_s"), 25e9);
}

TEST(TopologyCommand, PrintsATableOfTheWholeClusterByDefault) {
  const ProgramRun ran = run({"gb200-nvl72"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out.find("gb200-nvl72: 9216 x GB200\n"), 0u) << ran.out;
  EXPECT_NE(ran.out.find("route from GPU 0 to GPU 9215"), std::string::npos) << ran.out;
}

TEST(TopologyCommand, CountsUnlikeDevicesApart) {
  EXPECT_EQ(
      run({"a100-and-h100"}).out.find("a100-and-h100: 32 x A100-SXM-80GB and 32 x H100-SXM-80GB\n"),
      0u);
  const ProgramRun ran = run({"a100-and-h100", "--gpus", "40", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const auto devices = parse_json(ran.out, "stdout").root().member("devices")->elements();
  ASSERT_EQ(devices.size(), 2u);
  EXPECT_EQ(devices[1].member("name")->as_string(), "H100-SXM-80GB");
  EXPECT_EQ(number(devices[1], "gpus"), 8);
}

TEST(TopologyCommand, TooManyGpusAreToldByTheNameOfTheOption) {
  const ProgramRun ran = run({"l40s-4", "--gpus", "257"});
  EXPECT_EQ(ran.exit_code, 4);
  EXPECT_EQ(ran.err.find("num_gpus"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("--gpus 257: topology \"l40s-4\" has 256 GPUs (64 nodes)"),
            std::string::npos)
      << ran.err;
}

TEST(TopologyCommand, ShowsOneGpuWithoutRoute) {
  const ProgramRun ran = run({"dgx-h100", "--gpus", "1", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue root = parse_json(ran.out, "stdout").root();
  EXPECT_EQ(root.member("route")->member("links")->elements().size(), 0u);
}

TEST(TopologyCommand, DrawsIntoAFileBesideTheTable) {
  const ScratchFolder folder;
  const std::string file = folder.path("cluster.svg");
  const ProgramRun ran = run({"dgx-a100-80g", "--gpus", "32", "--svg", file});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_EQ(ran.out.find("dgx-a100-80g: 32 x A100-SXM-80GB\n"), 0u);
  EXPECT_EQ(read_text_file(file, 1 << 20).find("<svg "), 0u);
  EXPECT_EQ(run({"dgx-a100-80g", "--svg", folder.path("no/such/folder.svg")}).exit_code, 5);
}

TEST(ExportCommand, WritesAPlatform) {
  const ProgramRun ran = run_program(
      {STEPCAST_BINARY, "export", "simgrid-platform", "dgx1-v100-16g", "--gpus", "8", "-o", "-"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("<route src=\"gpu7\" dst=\"gpu6\" symmetrical=\"NO\">"),
            std::string::npos);
  EXPECT_EQ(
      run_program({STEPCAST_BINARY, "export", "simgrid-platform", "tpu-v4-wiring-a100", "-o", "-"})
          .exit_code,
      6)
      << "4,096 GPUs of one torus have 17 million routes";
  EXPECT_EQ(run_program({STEPCAST_BINARY, "export", "dot", "dgx-h100", "-o", "-"}).exit_code, 2);
}

TEST(TopologyCommand, MistakesAreSaid) {
  for (const char* route : {"0", "0:64", "-1:3", "0:1:2", "a:b", "0:"}) {
    const ProgramRun ran = run({"dgx-h100", "--gpus", "64", std::string("--route=") + route});
    EXPECT_EQ(ran.exit_code, 2) << route;
    EXPECT_NE(ran.err.find("expected two GPUs of 0 to 63"), std::string::npos) << ran.err;
  }
  EXPECT_EQ(run({"dgx-h101"}).exit_code, 3);
  EXPECT_EQ(run({"dgx-h100", "--gpus", "0"}).exit_code, 2);
  EXPECT_EQ(run({"dgx-h100", "--gpus", "1000000"}).exit_code, 4);
}

}  // namespace
}  // namespace stepcast
