// stepcast collective: tables like those of nccl-tests.
#include <gtest/gtest.h>

#include "sim/base/json_document.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {

ProgramRun run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {STEPCAST_BINARY, "collective", "dgx-h100"});
  return run_program(arguments);
}

double number(const JsonValue& object, const char* key) { return *object.member(key)->as_number(); }

TEST(CollectiveCommand, BusBandwidthFollowsFromSizeAndTime) {
  const ProgramRun ran =
      run({"--op", "all_reduce", "--gpus", "8", "--max", "1G", "--factor", "8", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue root = parse_json(ran.out, "stdout").root();
  const auto results = root.member("results")->elements();
  ASSERT_EQ(results.size(), 10u);  // 8^1 .. 8^10 = 1 GiB
  for (const JsonValue& row : results) {
    const double algbw = number(row, "size_bytes") / number(row, "time_us") / 1e3;
    EXPECT_NEAR(number(row, "algbw_gb_s") / algbw, 1, 1e-9);
    EXPECT_NEAR(number(row, "busbw_gb_s") / number(row, "algbw_gb_s"), 1.75, 1e-6);
    EXPECT_EQ(row.member("grade")->as_string(), "fitted");
  }
  EXPECT_EQ(results.back().member("algorithm")->as_string(), "nvls");
}

TEST(CollectiveCommand, EveryOperationHasATable) {
  for (const char* op : {"all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce",
                         "all_to_all", "sendrecv"}) {
    const ProgramRun ran = run({"--op", op, "--gpus", "16", "--min", "1K", "--max", "1M"});
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_NE(ran.out.find("1048576"), std::string::npos) << ran.out;
  }
}

TEST(CollectiveCommand, GroupsAtOnceStandBesideEachAlone) {
  const ProgramRun ran = run({"--gpus", "32", "--concurrent", "MOD 8", "--min", "1M", "--max",
                              "64M", "--factor", "8", "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue root = parse_json(ran.out, "stdout").root();
  EXPECT_EQ(number(root, "groups"), 8);
  const auto results = root.member("results")->elements();
  ASSERT_EQ(results.size(), 3u) << "every group has a rail of its own: all are alike";
  for (const JsonValue& row : results) {
    EXPECT_EQ(number(row, "groups"), 8);
    EXPECT_EQ(number(row, "ranks"), 4);
    EXPECT_NEAR(number(row, "slowdown"), 1, 1e-9);
    EXPECT_NEAR(number(row, "busbw_gb_s") / number(row, "algbw_gb_s"), 1.5, 1e-6);
  }
}

TEST(CollectiveCommand, MistakesAreSaid) {
  EXPECT_EQ(run({"--min", "8Q"}).exit_code, 2);
  EXPECT_EQ(run({"--min", "2M", "--max", "1M"}).exit_code, 2);
  EXPECT_EQ(run({"--algorithm", "rnig"}).exit_code, 2);
  EXPECT_EQ(run({"--concurrent", "XOR 8"}).exit_code, 2);
  EXPECT_EQ(run({"--op", "all_redcue"}).exit_code, 2);
  EXPECT_NE(run({"--op", "all_redcue"}).err.find("\"all_reduce\""), std::string::npos);
  EXPECT_EQ(run({"--op", "allreduce", "--max", "8"}).out, run({"--max", "8"}).out);
  EXPECT_EQ(run({"--gpus", "1000000"}).exit_code, 4);
  EXPECT_EQ(run({"--op", "all_gather", "--algorithm", "tree"}).exit_code, 6);
}

ProgramRun run_live(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {STEPCAST_BINARY, "collective", "--live"});
  return run_program(arguments);
}

TEST(CollectiveLiveCommand, MeasuresEveryOperationAndFindsNothingWrong) {
  for (const char* op : {"all_reduce", "all_gather", "reduce_scatter", "broadcast", "reduce",
                         "all_to_all", "sendrecv"}) {
    const ProgramRun ran = run_live({"--ranks", "3", "--op", op, "--min", "1K", "--max", "64K",
                                     "--factor", "8", "--rounds", "2", "--json"});
    ASSERT_EQ(ran.exit_code, 0) << ran.err;
    const JsonValue root = parse_json(ran.out, "stdout").root();
    EXPECT_EQ(root.member("op")->as_string(), op);
    const auto results = root.member("results")->elements();
    ASSERT_EQ(results.size(), 3u);  // 1, 8 and 64 KiB
    for (const JsonValue& row : results)
      for (const char* way : {"out_of_place", "in_place"}) {
        const JsonValue place = *row.member(way);
        EXPECT_EQ(number(place, "wrong_elements"), 0);
        EXPECT_LE(number(place, "time_q10_us"), number(place, "time_us"));
        const double algbw = number(row, "size_bytes") / number(place, "time_us") / 1e3;
        EXPECT_NEAR(number(place, "algbw_gb_s") / algbw, 1, 1e-9);
      }
  }
}

TEST(CollectiveLiveCommand, PrintsTheColumnsOfNcclTests) {
  const ProgramRun ran = run_live({"--max", "64", "--rounds", "2"});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  for (const char* column : {"size", "count", "type", "redop", "root", "time", "algbw", "busbw",
                             "#wrong", "out-of-place", "in-place"})
    EXPECT_NE(ran.out.find(column), std::string::npos) << column;
}

TEST(CollectiveLiveCommand, MistakesAreSaid) {
  EXPECT_EQ(run_live({"--ranks", "1"}).exit_code, 2);
  const ProgramRun small = run_live({"--ranks", "3", "--op", "all_gather", "--max", "8"});
  EXPECT_EQ(small.exit_code, 2);
  EXPECT_NE(small.err.find("has an element for each of 3 ranks"), std::string::npos) << small.err;
  EXPECT_EQ(run_live({"dgx-h100"}).exit_code, 2);
  EXPECT_EQ(run_live({"--gpus", "8"}).exit_code, 2);
  EXPECT_EQ(run({"--ranks", "2"}).exit_code, 2);
  EXPECT_EQ(run_program({STEPCAST_BINARY, "collective"}).exit_code, 2);
}

}  // namespace
}  // namespace stepcast
