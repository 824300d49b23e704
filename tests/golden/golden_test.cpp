// Scenario in, programs and result out, compared exactly (README.md).
#include <gtest/gtest.h>

#include <cstdlib>

#include "sim/base/file_io.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {

const std::string kFolder = std::string(STEPCAST_SOURCE_DIR) + "/tests/golden/two-stages/";

void expect_golden(const std::vector<std::string>& command, const std::string& file) {
  std::vector<std::string> arguments = {STEPCAST_BINARY};
  arguments.insert(arguments.end(), command.begin(), command.end());
  const ProgramRun run = run_program(arguments);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  if (std::getenv("STEPCAST_UPDATE_GOLDEN") != nullptr)
    return write_text_file_atomically(kFolder + file, run.out);
  EXPECT_EQ(run.out, read_text_file(kFolder + file, 1 << 24))
      << "If the change is meant: STEPCAST_UPDATE_GOLDEN=1 (tests/golden/README.md)";
}

TEST(Golden, ProgramOfTheFirstStage) {
  expect_golden({"program", kFolder + "scenario.json", "--rank", "0"}, "stage-0.txt");
}

TEST(Golden, ProgramOfTheLastStage) {
  expect_golden({"program", kFolder + "scenario.json", "--rank", "7"}, "stage-1.txt");
}

TEST(Golden, Result) {
  expect_golden({"predict", kFolder + "scenario.json", "--json"}, "result.json");
}

}  // namespace
}  // namespace stepcast
