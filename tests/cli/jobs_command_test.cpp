// stepcast jobs: several scenarios on one cluster.
#include <gtest/gtest.h>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const std::string kExample =
    std::string(STEPCAST_SOURCE_DIR) + "/scenarios/shared/two-gpt-22b-thin-spine.json";

ProgramRun stepcast_run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), STEPCAST_BINARY);
  return run_program(arguments);
}

std::vector<JsonValue> jobs_of(const ProgramRun& ran) {
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  return parse_json(ran.out, "stdout").root().member("jobs")->elements();
}

double number(const JsonValue& object, const char* key) { return *object.member(key)->as_number(); }

TEST(JobsCommand, TheShippedExampleSlowsBothJobsDown) {
  const auto jobs = jobs_of(stepcast_run({"jobs", kExample, "--json"}));
  ASSERT_EQ(jobs.size(), 2u);
  for (const JsonValue& job : jobs) {
    EXPECT_GT(number(job, "slowdown"), 1.01);
    EXPECT_NEAR(number(job, "step_time_s") / number(job, "step_time_alone_s"),
                number(job, "slowdown"), 1e-9);
  }
  EXPECT_EQ(stepcast_run({"check", kExample}).exit_code, 0);
}

TEST(JobsCommand, TakesAShippedNameAndTellsThemApart) {
  EXPECT_EQ(stepcast_run({"jobs", "two-gpt-22b-thin-spine", "--json"}).out,
            stepcast_run({"jobs", kExample, "--json"}).out);
  const ProgramRun missed = stepcast_run({"jobs", "two-gpt-22b-thin-spin"});
  EXPECT_EQ(missed.exit_code, 3);
  EXPECT_NE(missed.err.find("did you mean \"two-gpt-22b-thin-spine\"?"), std::string::npos)
      << missed.err;
  EXPECT_NE(stepcast_run({"list", "shared_clusters"}).out.find("two-gpt-22b-thin-spine"),
            std::string::npos);
}

TEST(JobsCommand, FoldingAndRepetitionChangeNothing) {
  const ProgramRun folded = stepcast_run({"jobs", kExample, "--json"});
  EXPECT_EQ(folded.out, stepcast_run({"jobs", kExample, "--json"}).out);
  const auto a = jobs_of(folded),
             b = jobs_of(stepcast_run({"jobs", kExample, "--json", "--no-fold"}));
  for (std::size_t i = 0; i < a.size(); ++i)
    EXPECT_NEAR(number(a[i], "step_time_s") / number(b[i], "step_time_s"), 1, 1e-9);
}

TEST(JobsCommand, OneJobAloneIsWhatPredictSays) {
  const ScratchFolder folder;
  const std::string file = folder.write("one.json", R"({"topology": "dgx-a100-80g", "jobs": [
      {"name": "only", "first_gpu": 8, "scenario": "gpt-22b-8xa100-selective"}]})");
  const auto jobs = jobs_of(stepcast_run({"jobs", file, "--json"}));
  const ProgramRun predicted = stepcast_run(
      {"predict", std::string(STEPCAST_SOURCE_DIR) + "/scenarios/gpt-22b-8xa100-selective.json",
       "--json"});
  const double step = number(parse_json(predicted.out, "stdout").root(), "step_time_s");
  EXPECT_EQ(number(jobs.at(0), "step_time_alone_s"), step);
  EXPECT_EQ(number(jobs.at(0), "slowdown"), 1);
  EXPECT_NE(stepcast_run({"jobs", file}).out.find("one: 1 job on dgx-a100-80g"), std::string::npos);
}

TEST(JobsCommand, WritesATableAndATrace) {
  const ScratchFolder folder;
  const ProgramRun ran = stepcast_run({"jobs", kExample, "--trace", folder.path("t.json")});
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.out.find("slowdown"), std::string::npos) << ran.out;
  const std::string trace = read_text_file(folder.path("t.json"), 1 << 30);
  EXPECT_NE(trace.find("left, "), std::string::npos) << "programs carry their job's name";
}

}  // namespace
}  // namespace stepcast
