// stepcast compare as a user runs it.
#include <gtest/gtest.h>

#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

std::string shipped(const std::string& name) {
  return std::string(STEPCAST_SOURCE_DIR) + "/scenarios/" + name + ".json";
}

class CompareCommand : public ::testing::Test {
 protected:
  /// The trace's file; `result` is what predict printed.
  std::string predicted(const std::string& scenario, const std::string& name,
                        std::string* result = nullptr) const {
    const ProgramRun run = run_program({STEPCAST_BINARY, "predict", shipped(scenario), "--no-fold",
                                        "none", "--json", "--trace", folder_.path(name)});
    EXPECT_EQ(run.exit_code, 0) << run.err;
    if (result) *result = run.out;
    return folder_.path(name);
  }
  ScratchFolder folder_;
};

double part(const JsonValue& parts, const std::string& name, const char* key) {
  for (const JsonValue& part : parts.elements())
    if (part.member("name")->as_string() == name) return *part.member(key)->as_number();
  return 0;
}

TEST_F(CompareCommand, WaitsOfATraceAreThoseThatPredictReports) {
  std::string result;
  const std::string trace = predicted("live-small-pp2-1f1b", "a.json.gz", &result);
  const ProgramRun run = run_program({STEPCAST_BINARY, "compare", trace, trace, "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonDocument comparison = parse_json(run.out, "compare");
  const JsonDocument prediction = parse_json(result, "predict");
  EXPECT_EQ(comparison.root().member("difference")->as_number(), 0);
  double waits = 0, compute = 0;
  for (const JsonValue& rank : prediction.root().member("rank_classes")->elements()) {
    waits += *rank.member("wait_pipeline_s")->as_number() / 2;
    compute += *rank.member("compute_s")->as_number() / 2;
  }
  const JsonValue exposed = *comparison.root().member("exposed");
  EXPECT_NEAR(part(exposed, "pipeline and its bubble", "a_s") / waits, 1, 0.01);
  double kernels = 0;
  for (const JsonValue& phase : comparison.root().member("phases")->elements())
    kernels += *phase.member("a_s")->as_number();
  EXPECT_NEAR(kernels / compute, 1, 1e-3);
}

TEST_F(CompareCommand, PredictedAgainstLiveWithATimeline) {
  const std::string live = folder_.path("live.json.gz"), both = folder_.path("both.json");
  ASSERT_EQ(run_program({STEPCAST_BINARY, "live", shipped("live-tiny-dp2"), "--steps", "2",
                         "--trace", live})
                .exit_code,
            0);
  const ProgramRun run =
      run_program({STEPCAST_BINARY, "compare", predicted("live-tiny-dp2", "predicted.json"), live,
                   "--timeline", both});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("on 2 ranks"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find("data-parallel communication"), std::string::npos) << run.out;
  const JsonDocument timeline = read_json_file(both);
  EXPECT_GT(timeline.root().member("traceEvents")->elements().size(), 200u);
}

TEST_F(CompareCommand, OtherProgramsAreRefused) {
  const ProgramRun run =
      run_program({STEPCAST_BINARY, "compare", predicted("live-tiny-1", "a.json"),
                   predicted("live-tiny-tp2", "b.json")});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_NE(run.err.find("does not do the same in both"), std::string::npos) << run.err;
  EXPECT_EQ(run_program({STEPCAST_BINARY, "compare", "/nowhere/a", "/nowhere/b"}).exit_code, 5);
}

}  // namespace
}  // namespace stepcast
