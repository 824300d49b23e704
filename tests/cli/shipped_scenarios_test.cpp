// Every shipped scenario predicts, and lands in the neighbourhood of what was published for it. How
// good the predictions are is asked in tests/validation; this test is there to notice nonsense.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "sim/base/json_document.h"
#include "tests/support/parameter_names.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(fs::path(STEPCAST_SOURCE_DIR) / "scenarios"))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

class ShippedScenario : public ::testing::TestWithParam<std::string> {};

TEST_P(ShippedScenario, PredictsSomethingNearThePublishedTime) {
  const fs::path file = fs::path(STEPCAST_SOURCE_DIR) / "scenarios" / (GetParam() + ".json");
  const ProgramRun run = run_program({STEPCAST_BINARY, "predict", file.string(), "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonValue root = parse_json(run.out, "stdout").root();
  const double step_time = *root.member("step_time_s")->as_number();
  EXPECT_LT(*root.member("step_time_low_s")->as_number(), step_time);
  EXPECT_GT(*root.member("step_time_high_s")->as_number(), step_time);
  const double mfu = *root.member("model_flops_utilization")->as_number();
  EXPECT_GT(mfu, 0.04);  // ranks that share a GPU and talk through the host have the least
  EXPECT_LT(mfu, 0.8);
  // Fused attention skips what is masked, up to 10 % of small models, and model FLOPs don't.
  EXPECT_GE(*root.member("hardware_flops_utilization")->as_number(), 0.9 * mfu);
  EXPECT_LE(*root.member("reserved_memory_bytes")->as_number(),
            *root.member("memory_capacity_bytes")->as_number());
  const auto published = root.member("published");
  if (!published) return;
  EXPECT_NEAR(*published->member("error")->as_number(), 0, 0.3)
      << "published: " << *published->member("step_time_s")->as_number() << " s";
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ShippedScenario, ::testing::ValuesIn(scenarios()), plain_name);

}  // namespace
}  // namespace stepcast
