// validate and fit on two rows of the shipped ledger.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

class LedgerCommand : public ::testing::Test {
 protected:
  LedgerCommand() {
    std::istringstream published(read_text_file(
        std::string(STEPCAST_SOURCE_DIR) + "/tests/validation/published.csv", 1 << 20));
    std::string text;
    for (int i = 0; i < 3; ++i) {
      std::string line;
      std::getline(published, line);
      text += line + "\n";
    }
    ledger_ = folder_.write("two-rows.csv", text);
  }

  static ProgramRun run(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {STEPCAST_BINARY};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return run_program(all);
  }

  ScratchFolder folder_;
  std::string ledger_;
};

double number(const JsonValue& object, const char* key) { return *object.member(key)->as_number(); }

TEST_F(LedgerCommand, ValidateAnswersEachRow) {
  const ProgramRun ran = run({"validate", ledger_, "--json"});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue root = parse_json(ran.out, "stdout").root();
  EXPECT_EQ(root.member("kind")->as_string(), "step_times");
  EXPECT_EQ(number(root, "rows"), 2);
  EXPECT_EQ(number(root, "coverage"), 1);
  ASSERT_EQ(root.member("results")->elements().size(), 2u);
  for (const JsonValue& row : root.member("results")->elements())
    EXPECT_NEAR(number(row, "error"), number(row, "predicted_s") / number(row, "measured_s") - 1,
                1e-9);
}

TEST_F(LedgerCommand, ValidateDoesNotDependOnTheNumberOfWorkers) {
  EXPECT_EQ(run({"validate", ledger_, "--json", "--workers", "1"}).out,
            run({"validate", ledger_, "--json", "--workers", "3"}).out);
}

TEST_F(LedgerCommand, ValidateGroupsByLabelsAndSaysWhenThereIsNone) {
  const ProgramRun ran = run({"validate", ledger_, "--by", "framework,colour"});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_NE(ran.out.find("framework megatron-lm-2022"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("--by colour"), std::string::npos) << ran.err;
}

TEST_F(LedgerCommand, ValidateRefusesWhatIsNoLedger) {
  const ProgramRun other = run({"validate", folder_.write("x.csv", "a,b\n1,2\n"), "--json"});
  EXPECT_EQ(other.exit_code, 3);
  EXPECT_EQ(other.out, "");
  EXPECT_NE(other.err.find("x.csv"), std::string::npos) << other.err;
  EXPECT_EQ(run({"validate", folder_.write("y.csv", "a,b\n1\n")}).exit_code, 3);
}

TEST_F(LedgerCommand, AHeaderThatLacksColumnsIsToldWhichTheyAre) {
  const std::string mine = folder_.write(
      "mine.csv", "id,framework,cluster,n_gpus,model,tp,pp,global_batch_size,step_time_s\n");
  for (const ProgramRun& ran :
       {run({"validate", mine}), run({"fit", mine, "--stack", "megatron-lm-2022"})}) {
    EXPECT_EQ(ran.exit_code, 3);
    EXPECT_NE(ran.err.find("mine.csv:1: the header is that of no table of measurements; it lacks "
                           "num_layers, hidden_size to be one of step_times; known: "),
              std::string::npos)
        << ran.err;
  }
  const std::string products = folder_.write("gemm.csv", "gpu,dtype,m,n,k,time_us\n");
  EXPECT_NE(
      run({"fit", products, "--stack", "megatron-lm-2022"})
          .err.find("gemm.csv:1: the header is that of a table of gemm, and one of step_times"),
      std::string::npos);
}

TEST_F(LedgerCommand, FitWritesAStackThatPredictsTheRows) {
  const std::string file = folder_.path("mine.json");
  const ProgramRun ran = run({"fit", ledger_, "--stack", "megatron-lm-2022", "--parameters",
                              "gemm_efficiency", "--leave-out", "none", "--json", "-o", file});
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonValue root = parse_json(ran.out, "stdout").root();
  EXPECT_EQ(root.member("parameters")->elements().size(), 1u);
  EXPECT_LT(number(*root.member("fitted"), "mean_abs"), 0.05);
  EXPECT_EQ(run({"check", file}).out, file + ": a sound stack\n");
  const JsonValue costs = *read_json_file(file).root().member("costs");
  EXPECT_EQ(costs.member("name")->as_string(), "mine");
  EXPECT_EQ(number(costs, "gemm_efficiency"),
            number(root.member("parameters")->elements()[0], "value"));
}

TEST_F(LedgerCommand, TwoRowsThatTheFitMeetsDoNotMakeASureStack) {
  const std::string file = folder_.path("mine.json");
  ASSERT_EQ(run({"fit", ledger_, "--stack", "megatron-lm-2022", "--leave-out", "none", "-o", file})
                .exit_code,
            0);
  const auto sigma_of = [](const std::string& stack) {
    return number(*read_json_file(stack).root().member("costs"), "relative_sigma");
  };
  const double before =
      sigma_of(std::string(STEPCAST_SOURCE_DIR) + "/scenarios/stacks/megatron-lm-2022.json");
  EXPECT_GT(sigma_of(file), 0.9 * before);
}

TEST_F(LedgerCommand, AClusterMayBeAFileBesideTheTable) {
  const std::string shipped = ",dgx-a100-80g,", own = ",c/mine.json,";
  std::string text = read_text_file(ledger_, 1 << 20);
  for (std::size_t at; (at = text.find(shipped)) != std::string::npos;)
    text.replace(at, shipped.size(), own);
  const std::string ledger = folder_.write("mine.csv", text);
  EXPECT_NE(run({"validate", ledger})
                .out.find("no topology file for cluster \"c/mine.json\" (a shipped name, or a path "
                          "beside the table)"),
            std::string::npos);
  folder_.write(
      "c/mine.json",
      read_text_file(std::string(STEPCAST_SOURCE_DIR) + "/topologies/dgx-a100-80g.json", 1 << 20));
  EXPECT_EQ(run({"validate", ledger, "--rows"}).out, run({"validate", ledger_, "--rows"}).out);
}

TEST_F(LedgerCommand, FitRefusesUnknownStacksParametersAndColumns) {
  const ProgramRun stack = run({"fit", ledger_, "--stack", "megatron-lm-2202"});
  EXPECT_EQ(stack.exit_code, 3);
  EXPECT_NE(stack.err.find("did you mean"), std::string::npos) << stack.err;
  const ProgramRun parameter =
      run({"fit", ledger_, "--stack", "megatron-lm-2022", "--parameters", "speed"});
  EXPECT_EQ(parameter.exit_code, 3);
  EXPECT_NE(parameter.err.find("stack.gemm_efficiency"), std::string::npos) << parameter.err;
  EXPECT_EQ(run({"fit", ledger_, "--stack", "megatron-lm-2022", "--leave-out", "colour"}).exit_code,
            2);
}

}  // namespace
}  // namespace stepcast
