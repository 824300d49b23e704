// stepcast collective --live --write-profile: what a user calibrates the machine's own network
// with.
#include <gtest/gtest.h>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"
#include "sim/stepcast.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

class LiveNetworkProfile : public ::testing::Test {
 protected:
  ProgramRun measure(int ranks) const {
    return run_program({STEPCAST_BINARY, "collective", "--live", "--ranks", std::to_string(ranks),
                        "--min", "1K", "--max", "64K", "--factor", "8", "--rounds", "2",
                        "--write-profile", file_});
  }
  NetworkProfile profile() const {
    Problems problems;
    NetworkProfile profile = read_network_profile(read_json_file(file_).root(), problems);
    EXPECT_TRUE(problems.empty());
    return profile;
  }

  const ScratchFolder folder_;
  const std::string file_ = folder_.path("machine.json");
};

TEST_F(LiveNetworkProfile, HasAPointForEveryOperationAndSize) {
  const ProgramRun run = measure(2);
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("all_reduce"), std::string::npos) << run.out;
  const NetworkProfile found = profile();
  EXPECT_EQ(found.name, "machine");
  EXPECT_EQ(found.grade, Grade::kMeasured);
  EXPECT_EQ(found.points.all().size(), 7u * 3u);  // operations, 1, 8 and 64 KiB
  for (const MeasuredTransfer& point : found.points.all()) EXPECT_GT(point.time, Seconds(0));
  EXPECT_TRUE(found.points.time(std::nullopt, 2, Bytes{8192}));  // a message
  EXPECT_TRUE(found.points.time(CollectiveKind::kAllReduce, 2, Bytes{8192}));
}

TEST_F(LiveNetworkProfile, ARerunWithOtherRanksKeepsWhatWasThere) {
  ASSERT_EQ(measure(2).exit_code, 0);
  const auto two = *profile().points.time(CollectiveKind::kAllGather, 2, Bytes{65536});
  ASSERT_EQ(measure(3).exit_code, 0);
  const NetworkProfile found = profile();
  EXPECT_EQ(found.points.time(CollectiveKind::kAllGather, 2, Bytes{65536}), two);
  EXPECT_TRUE(found.points.time(CollectiveKind::kAllGather, 3, Bytes{65536}));
}

TEST_F(LiveNetworkProfile, ScenariosArePredictedWithIt) {
  ASSERT_EQ(measure(2).exit_code, 0);
  const std::string shipped = std::string(STEPCAST_SOURCE_DIR) + "/scenarios/live-tiny-dp2.json";
  std::string text = read_text_file(shipped, 1 << 20);
  text.insert(text.rfind('}'), ", \"network_profile\": \"./machine.json\"");
  const ProgramRun run =
      run_program({STEPCAST_BINARY, "predict", folder_.write("scenario.json", text)});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST_F(LiveNetworkProfile, MistakesAreSaidBeforeAnythingIsWritten) {
  EXPECT_EQ(
      run_program({STEPCAST_BINARY, "collective", "dgx-h100", "--write-profile", file_}).exit_code,
      2);
  EXPECT_EQ(
      run_program({STEPCAST_BINARY, "collective", "--live", "--json", "--write-profile", file_})
          .exit_code,
      2);
  folder_.write("machine.json", "{\"name\": 7}");
  EXPECT_EQ(measure(2).exit_code, 3);
  EXPECT_EQ(read_text_file(file_, 1 << 20), "{\"name\": 7}");
}

}  // namespace
}  // namespace stepcast
