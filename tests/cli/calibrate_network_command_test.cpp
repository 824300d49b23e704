// stepcast calibrate-network on composed logs, as a user runs it.
#include <gtest/gtest.h>

#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

/// 16 ranks on two nodes; 40 us and 200 GB/s.
std::string text_log(const std::string& program, const std::string& more = "") {
  std::string text = "# Collective test starting: " + program + "\n";
  for (int rank = 0; rank < 16; ++rank)
    text += "#  Rank " + std::to_string(rank) + " Group  0 Pid 1 on node-" +
            std::to_string(rank / 8) + " device  0 [0x07] NVIDIA H100\n";
  for (const std::int64_t size : {4096, 1 << 20, 1 << 26, 1 << 30})
    text += std::to_string(size) + " " + std::to_string(size / 4) + " float sum -1 " +
            std::to_string(40 + static_cast<double>(size) / 200e3) + " 1 1 0\n";
  return text + more;
}

class CalibrateNetworkCommand : public ::testing::Test {
 protected:
  static ProgramRun run(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), STEPCAST_BINARY);
    return run_program(arguments);
  }
  static ProgramRun calibrate(const std::string& file) {
    return run({"calibrate-network", file, "--topology", "dgx-h100"});
  }
  ScratchFolder folder_;
};

TEST_F(CalibrateNetworkCommand, TheProfileGivesTheTimingsBackAndServesScenarios) {
  const std::string log = folder_.write("all_reduce-2n.log", text_log("all_reduce_perf"));
  const std::string profile = folder_.write("mine.json", "");
  const ProgramRun made = run({"calibrate-network", log, "--topology", "dgx-h100", "-o", profile});
  ASSERT_EQ(made.exit_code, 0) << made.err;

  const ProgramRun table = run({"collective", "dgx-h100", "--gpus", "16", "--network-profile",
                                profile, "--min", "1M", "--max", "1M", "--json"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  const JsonValue root = parse_json(table.out, "stdout").root();
  const JsonValue row = root.member("results")->elements().front();
  EXPECT_NEAR(*row.member("time_us")->as_number(), 40 + 1048576 / 200e3, 0.01);
  EXPECT_EQ(row.member("grade")->as_string(), "measured");

  const std::string scenario = folder_.write("scenario.json", R"({
    "model": "llama3-8b", "topology": "dgx-h100", "num_gpus": 16, "network_profile": "mine.json",
    "stack": "megatron-lm",
    "plan": {"tp": 8, "dp": 2, "micro_batch_size": 1, "zero_stage": 1},
    "training": {"global_batch_size": 16, "seq_len": 4096, "precision": "bf16"}})");
  const ProgramRun predicted = run({"predict", scenario, "--json"});
  EXPECT_EQ(predicted.exit_code, 0) << predicted.err;
}

TEST_F(CalibrateNetworkCommand, ABadLineAndAnUnknownOperationAreNamedByFileAndLine) {
  const ProgramRun bad = calibrate(
      folder_.write("all_reduce.log", text_log("all_reduce_perf", "64 16 float sum -1 x 1 1 0\n")));
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_NE(bad.err.find("all_reduce.log:22: time = x must be"), std::string::npos) << bad.err;

  const ProgramRun unknown = calibrate(folder_.write("run.log", text_log("hypercube_perf")));
  EXPECT_EQ(unknown.exit_code, 3);
  EXPECT_NE(unknown.err.find("run.log:1: \"hypercube_perf\""), std::string::npos) << unknown.err;
}

TEST_F(CalibrateNetworkCommand, EveryBadLineOfATableIsNamed) {
  const ProgramRun ran = calibrate(folder_.write("table.csv",
                                                 "collective,nodes,n_gpus,size_bytes,time_us\n"
                                                 "all_reduce,2,16,1048576,60\n"
                                                 "hypercube,2,16,1048576,60\n"
                                                 "all_reduce,2,16,1048576,-1\n"
                                                 "all_reduce,2,400,1048576,60\n"));
  EXPECT_EQ(ran.exit_code, 3);
  for (const char* part : {"table.csv:3: unknown collective operation \"hypercube\"",
                           "table.csv:4: n_gpus", "table.csv:5: "})
    EXPECT_NE(ran.err.find(part), std::string::npos) << part << "\n" << ran.err;
}

TEST_F(CalibrateNetworkCommand, ATableOfSomethingElseIsToldWhatItLacks) {
  const std::string table = folder_.write("gemm.csv", "gpu,m,n,k,time_us\nH100,1,2,3,4\n");
  for (const ProgramRun& ran : {calibrate(table), run({"calibrate-network", table}),
                                run({"calibrate-network", table, "--one-sweep"})}) {
    EXPECT_EQ(ran.exit_code, 3);
    EXPECT_NE(ran.err.find("gemm.csv:1: no table of collectives: it lacks the columns "),
              std::string::npos)
        << ran.err;
    EXPECT_NE(ran.err.find("expected are "), std::string::npos) << ran.err;
  }
  folder_.write("collective_systems.csv", "system,gpus_per_node\n");
  const ProgramRun none = run(
      {"calibrate-network",
       folder_.write(
           "t.csv",
           "id,system,collective,nodes,n_gpus,size_bytes,time_us\nr1,a,all_reduce,2,16,1024,9\n")});
  EXPECT_EQ(none.exit_code, 3);
  EXPECT_NE(none.err.find("r1, for one: "), std::string::npos) << none.err;
}

TEST_F(CalibrateNetworkCommand, LogsNeedATopologyThatExists) {
  const std::string log = folder_.write("all_reduce-2n.log", text_log("all_reduce_perf"));
  const ProgramRun none = run({"calibrate-network", log});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_NE(none.err.find("--topology"), std::string::npos) << none.err;
  const ProgramRun absent = run({"calibrate-network", log, "--topology", "no-such-machine"});
  EXPECT_EQ(absent.exit_code, 3);
  EXPECT_NE(absent.err.find("no-such-machine"), std::string::npos) << absent.err;
}

TEST(CalibrateNetworkOptions, ThoseOfOneMachineAndOfManySystemsExcludeEachOther) {
  const auto run = [](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {STEPCAST_BINARY, "calibrate-network", "a.csv"});
    return run_program(arguments);
  };
  for (const char* option : {"--one-sweep", "--leave-out=system"}) {
    const ProgramRun both = run({"--topology", "dgx-h100", option});
    EXPECT_EQ(both.exit_code, 2) << option;
    EXPECT_NE(both.err.find("--topology"), std::string::npos) << both.err;
  }
  EXPECT_EQ(run({"--one-sweep", "--output=x"}).exit_code, 2);
  for (const char* option : {"--op=all_reduce", "--gpus=8", "--nodes=2", "--network-profile=x"})
    EXPECT_EQ(run({option}).exit_code, 2) << option;
}

}  // namespace
}  // namespace stepcast
