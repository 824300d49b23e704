// Same input, same bytes: over repetitions, processors, folders, languages and time zones.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/run_program.h"

namespace stepcast {
namespace {

const std::string kScenario =
    std::string(STEPCAST_SOURCE_DIR) + "/scenarios/gpt-22b-8xa100-selective.json";

std::string prediction(const RunOptions& options = {}) {
  const ProgramRun run = run_program({STEPCAST_BINARY, "predict", kScenario, "--json"}, options);
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return run.out;
}

TEST(Determinism, TwentyRunsGiveTheSameBytes) {
  const std::string first = prediction();
  for (int i = 1; i < 20; ++i) ASSERT_EQ(prediction(), first) << "run " << i;
}

/// glibc picks other code for exp, log and pow without FMA, with other last bits: predictions may
/// not use them.
TEST(Determinism, TheSameBytesWithoutFusedMultiplyAdd) {
  EXPECT_EQ(prediction({.environment = {"GLIBC_TUNABLES=glibc.cpu.hwcaps=-FMA,-FMA4,-AVX2,-AVX512F,"
                                        "-AVX2_Usable,-FMA_Usable,-AVX512F_Usable"}}),
            prediction());
}

TEST(Determinism, TheSameBytesFromAnotherFolderInAnotherLanguage) {
  const std::string here = prediction();
  EXPECT_EQ(prediction({.folder = "/"}), here);
  EXPECT_EQ(prediction({.environment = {"LANG=de_DE.UTF-8", "LC_ALL=de_DE.UTF-8"}}), here);
  EXPECT_EQ(prediction({.environment = {"LC_ALL=C", "TZ=Pacific/Kiritimati"}}), here);
  EXPECT_EQ(prediction({.environment = {"MALLOC_PERTURB_=165"}}), here) << "no unset memory";
}

TEST(Determinism, FoldingChangesNoFigure) {
  const auto step_time = [](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {STEPCAST_BINARY, "predict", kScenario, "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const std::string out = run_program(arguments).out;
    const std::size_t at = out.find("\"step_time_s\": ");
    return std::stod(out.substr(at + 15));
  };
  const double folded = step_time({});
  EXPECT_GT(folded, 0);
  EXPECT_NEAR(step_time({"--no-fold"}), folded, 1e-9 * folded);
}

}  // namespace
}  // namespace stepcast
