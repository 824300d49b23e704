// stepcast import: from a tool's output to a topology that every other command takes.
#include <gtest/gtest.h>

#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const std::string kSamples = STEPCAST_SOURCE_DIR "/tests/exchange/samples/";

ProgramRun run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), STEPCAST_BINARY);
  return run_program(arguments);
}

TEST(ImportCommand, MakesATopologyThatCheckAccepts) {
  const ScratchFolder folder;
  const std::string file = folder.path("mine.json");
  const ProgramRun imported =
      run({"import", "nccl-topology", kSamples + "dgx-a100.xml", "-o", file, "--device",
           "A100-SXM-80GB", "--device-profile", "a100-80g", "--network-profile", "nccl-ib",
           "--nodes", "4", "--host-power", "2300 W"});
  ASSERT_EQ(imported.exit_code, 0) << imported.err;
  EXPECT_EQ(run({"check", file}).exit_code, 0);
  const ProgramRun shown = run({"topology", file});
  EXPECT_EQ(shown.out.find("mine: 32 x A100-SXM-80GB\n"), 0u) << shown.out;
}

TEST(ImportCommand, MistakesAreSaid) {
  const std::string xml = kSamples + "dgx-a100.xml";
  EXPECT_EQ(run({"import", "lstopo", xml, "-o", "-"}).exit_code, 2);
  EXPECT_EQ(run({"import", "nccl-topology", xml, "-o", "-"}).exit_code, 2);
  EXPECT_EQ(run({"import", "nvidia-smi-topo", xml, "-o", "-"}).exit_code, 3);
  EXPECT_EQ(run({"import", "nccl-topology", xml + "x", "-o", "-"}).exit_code, 5);
}

}  // namespace
}  // namespace stepcast
