// What scripts rely on: exit codes, one JSON document on standard output, nothing else there.
#include <gtest/gtest.h>

#include <filesystem>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const std::string kScenario =
    std::string(STEPCAST_SOURCE_DIR) + "/scenarios/gpt-22b-8xa100-selective.json";

ProgramRun stepcast_run(std::vector<std::string> arguments, const RunOptions& options = {}) {
  arguments.insert(arguments.begin(), STEPCAST_BINARY);
  return run_program(arguments, options);
}

/// A scenario of a tiny model with other parts as given, ready to be written.
std::string tiny_scenario(const std::string& plan, const std::string& more = "") {
  return R"({"model": {"name": "tiny", "num_layers": 4, "hidden_size": 256, "num_heads": 4,
      "vocab_size": 1024, "position_embedding": "rotary"},
      "topology": "dgx-a100-80g", "stack": "megatron-lm", "plan": )" +
         plan + R"(, "training": {"global_batch_size": 8, "seq_len": 128})" + more + "}";
}

TEST(ExitCode, ZeroWhenDone) {
  const ProgramRun run = stepcast_run({"predict", kScenario});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_NE(run.out.find("step time"), std::string::npos);
}

TEST(ScenarioArgument, IsAShippedNameOrAFile) {
  const ProgramRun named = stepcast_run({"predict", "gpt-22b-8xa100-selective"});
  EXPECT_EQ(named.exit_code, 0) << named.err;
  EXPECT_EQ(named.out, stepcast_run({"predict", kScenario}).out);
  const ProgramRun missed = stepcast_run({"predict", "gpt-22b-8xa100-selectiv"});
  EXPECT_EQ(missed.exit_code, 3);
  EXPECT_NE(missed.err.find("did you mean \"gpt-22b-8xa100-selective\"?"), std::string::npos)
      << missed.err;
}

// Rows of one token: the parts of its packed queries, keys and values, and of its gate and value,
// are written one by one.
TEST(ExitCode, ZeroForASequenceOfOneToken) {
  ScratchFolder folder;
  for (const char* stack : {"nanotron", "megatron-lm"})
    for (const char* model : {"llama3-8b", "gpt2-small"}) {
      const std::string file = folder.write(
          "one.json", std::string(R"({"model": ")") + model +
                          R"(", "topology": "dgx-h100", "stack": ")" + stack +
                          R"(", "plan": {}, "training": {"global_batch_size": 1, "seq_len": 1}})");
      const ProgramRun run = stepcast_run({"predict", file, "--ignore-memory"});
      EXPECT_EQ(run.exit_code, 0) << run.err;
    }
}

TEST(ScenarioArgument, WhatWasMeantIsGuessed) {
  ScratchFolder folder;
  folder.write("mine.json", tiny_scenario("{}"));
  folder.write("part.json", tiny_scenario("{}", R"(, "network_profile": "h100")"));
  const RunOptions inside = {.folder = folder.root().string()};
  const struct {
    std::vector<std::string> arguments;
    int exit_code;
    std::string text;
  } cases[] = {
      {{"predict", "mine"}, 3, "there is a file of that name: write \"mine.json\"\n"},
      {{"predict", "gpt3-175b-1024xa100.json"},
       5,
       "No such file or directory; the shipped one is called \"gpt3-175b-1024xa100\"\n"},
      {{"predict", "llama3-70b"},
       3,
       "\"llama3-70b\": is a model, not a scenario; `stepcast list scenarios` shows those\n"},
      {{"topology", "two-gpt-22b-thin-spine"}, 3, "is a shared cluster, not a topology; "},
      {{"predict", "part.json"},
       3,
       "network_profile = \"h100\": is a device profile, not a network profile; "},
      {{"predct", "mine.json"}, 2, "unknown command \"predct\", did you mean \"predict\"? Known: "},
      {{"frobnicate"}, 2, "unknown command \"frobnicate\"; known: predict "},
  };
  for (const auto& [arguments, exit_code, text] : cases) {
    const ProgramRun run = stepcast_run(arguments, inside);
    EXPECT_EQ(run.exit_code, exit_code) << run.err;
    EXPECT_NE(run.err.find(text), std::string::npos) << run.err;
  }
}

TEST(StandardOutput, AReaderThatHasSeenEnoughIsNotToldOfIt) {
  // The program of a rank is longer than a pipe holds, so that head is gone before it ends.
  const ProgramRun run =
      run_program({"/bin/bash", "-c", "set -o pipefail; \"$0\" program \"$1\" | head -n 1",
                   STEPCAST_BINARY, "gpt3-175b-1024xa100"});
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_EQ(run.err, "");
  EXPECT_EQ(run.out, "program stage 0 of 16, 192 microbatches\n");
}

TEST(ScenarioArgument, AnOwnFileCountsBeforeAShippedOne) {
  ScratchFolder folder;
  folder.write("gpt-22b-8xa100-selective", tiny_scenario("{}"));
  const ProgramRun run =
      stepcast_run({"predict", "gpt-22b-8xa100-selective"}, {.folder = folder.root().string()});
  EXPECT_NE(run.out.find("tiny on 1 x"), std::string::npos) << run.out << run.err;
}

TEST(Check, OutputThatNobodyReadsIsToldOnce) {
  const ProgramRun run = stepcast_run({"check", kScenario, kScenario}, {.out_to = "/dev/full"});
  EXPECT_EQ(run.exit_code, 5);
  EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
}

TEST(Check, WritesFilesAndTheirProblemsAsJson) {
  ScratchFolder folder;
  const std::string bad = folder.write("bad.json", tiny_scenario(R"({"tp": 0, "ppp": 2})"));
  const ProgramRun run = stepcast_run({"check", kScenario, bad, "--json"});
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_EQ(run.err, "");
  const auto files = parse_json(run.out, "out").root().member("files")->elements();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].member("kind")->as_string(), "scenario");
  EXPECT_EQ(files[0].member("sound")->as_boolean(), true);
  EXPECT_EQ(files[1].member("sound")->as_boolean(), false);
  const auto problems = files[1].member("problems")->elements();
  ASSERT_EQ(problems.size(), 2u) << run.out;
  EXPECT_EQ(problems[0].member("path")->as_string(), "plan.tp");
  EXPECT_EQ(problems[0].member("file")->as_string(), bad);
  EXPECT_EQ(problems[0].member("line")->as_number(), 3);
}

TEST(ExitCode, HelpAndVersionAreData) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"--help"}, {"-h"}, {"predict", "--help"}, {"--version"}}) {
    const ProgramRun run = stepcast_run(arguments);
    EXPECT_EQ(run.exit_code, 0);
    EXPECT_EQ(run.err, "");
    EXPECT_NE(run.out, "");
  }
  const std::string help = stepcast_run({"--help"}).out;
  for (const char* command :
       {"predict", "memory", "program", "check", "list", "validate", "fit", "Exit codes"})
    EXPECT_NE(help.find(command), std::string::npos) << command;
  EXPECT_NE(stepcast_run({"predict", "--help"}).out.find("--trace"), std::string::npos);
}

TEST(ExitCode, TwoForUsage) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{},
        {"predikt"},
        {"predict"},
        {"predict", kScenario, "--fidelity", "perfect"},
        {"predict", kScenario, "--jsom"},
        {"program", kScenario, "--rank", "8"},
        {"program", kScenario, "--rank", "-1"},
        {"list", "modls"},
        {"fit", "ledger.csv"},
        {"fit", "ledger.csv", "--stack", "megatron-lm", "--where", "kind"}}) {
    const ProgramRun run = stepcast_run(arguments);
    EXPECT_EQ(run.exit_code, 2) << ::testing::PrintToString(arguments) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
}

TEST(ExitCode, ThreeForABadFile) {
  ScratchFolder folder;
  const std::string file = folder.write("bad.json", tiny_scenario(R"({"tp": 0})"));
  for (const char* command : {"predict", "memory", "program", "check"}) {
    const ProgramRun run = stepcast_run({command, file});
    EXPECT_EQ(run.exit_code, 3) << command;
    EXPECT_EQ(run.out, "") << command;
  }
}

// A plan may be right and still be more than stepcast can express; with a mistake beside it the
// file is wrong.
TEST(ExitCode, SixForWhatCannotBeExpressed) {
  ScratchFolder folder;
  for (const char* plan : {R"({"dp": 2, "zero_stage": 2})", R"({"dp": 2, "zero_stage": 3})",
                           R"({"cp": 2})", R"({"dp": 2, "ep": 2})"})
    for (const char* command : {"predict", "check", "live"}) {
      const ProgramRun run = stepcast_run({command, folder.write("a.json", tiny_scenario(plan))});
      EXPECT_EQ(run.exit_code, 6) << command << plan << run.err;
      EXPECT_EQ(run.out, "") << command;
    }
  const std::string none = tiny_scenario(R"({"cp": 1, "ep": 1})");
  EXPECT_EQ(stepcast_run({"predict", folder.write("b.json", none)}).exit_code, 0);
  const std::string mistaken = tiny_scenario(R"({"tp": 0, "zero_stage": 2})");
  EXPECT_EQ(stepcast_run({"predict", folder.write("c.json", mistaken)}).exit_code, 3);
}

TEST(ExitCode, FourForAPlanThatCannotRunOrDoesNotFit) {
  ScratchFolder folder;
  EXPECT_EQ(
      stepcast_run({"predict", folder.write("a.json", tiny_scenario(R"({"tp": 3})"))}).exit_code,
      4);
  const std::string full =
      std::string(STEPCAST_SOURCE_DIR) + "/tests/corpus/plan/does_not_fit_in_memory.json";
  EXPECT_EQ(stepcast_run({"predict", full}).exit_code, 4);
  EXPECT_EQ(stepcast_run({"predict", full, "--ignore-memory"}).exit_code, 0);
  const ProgramRun memory = stepcast_run({"memory", full});
  EXPECT_EQ(memory.exit_code, 0) << "that is the answer";
  EXPECT_NE(memory.out.find("does not fit"), std::string::npos) << memory.out;
  const ProgramRun check = stepcast_run({"check", full});
  EXPECT_EQ(check.exit_code, 4) << "as predict would";
  EXPECT_NE(check.err.find("does not fit in memory"), std::string::npos) << check.err;
}

TEST(ExitCode, FiveForFilesThatCannotBeReadOrWritten) {
  ScratchFolder folder;
  const ProgramRun missing = stepcast_run({"predict", folder.path("none.json")});
  EXPECT_EQ(missing.exit_code, 5);
  EXPECT_NE(missing.err.find("none.json"), std::string::npos) << missing.err;
  EXPECT_EQ(stepcast_run({"predict", folder.root().string()}).exit_code, 5);
  EXPECT_EQ(stepcast_run({"validate", folder.path("none.csv")}).exit_code, 5);
  EXPECT_EQ(
      stepcast_run({"predict", kScenario, "--trace", folder.path("no/folder/t.json")}).exit_code,
      5);
}

TEST(ExitCode, FiveWhenNobodyTakesTheOutput) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"predict", kScenario, "--json"}, {"list"}, {"--help"}}) {
    EXPECT_EQ(stepcast_run(arguments, {.out_to = "-"}).exit_code, 5) << "closed";
    EXPECT_EQ(stepcast_run(arguments, {.out_to = "/dev/full"}).exit_code, 5) << "disk full";
  }
}

TEST(ExitCode, SixForWhatCannotBeTimed) {
  ScratchFolder folder;
  const std::string file = folder.write("s.json", tiny_scenario("{}", R"(, "device_profile": {
      "name": "empty", "device": "A100-SXM-80GB", "condition": "burst", "gemm": {},
      "memory": {"efficiency": 0.8}})"));
  const ProgramRun run = stepcast_run({"predict", file});
  EXPECT_EQ(run.exit_code, 6) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_TRUE(run.err.starts_with(file + ": device profile \"empty\" cannot time")) << run.err;
}

TEST(Output, JsonIsOneDocument) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"predict", kScenario, "--json"},
        {"memory", kScenario, "--json"},
        {"list", "--json"}}) {
    const ProgramRun run = stepcast_run(arguments);
    ASSERT_EQ(run.exit_code, 0) << run.err;
    EXPECT_TRUE(parse_json(run.out, "stdout").root().is_object());
    EXPECT_EQ(run.out.back(), '\n');
  }
}

TEST(Output, TalkAboutTheTraceGoesToStandardError) {
  ScratchFolder folder;
  const std::string file = folder.path("t.json");
  const ProgramRun run = stepcast_run({"predict", kScenario, "--json", "--trace", file});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.err.find(file), std::string::npos);
  EXPECT_TRUE(parse_json(run.out, "stdout").root().is_object());
  EXPECT_GT(read_json_file(file).root().member("traceEvents")->elements().size(), 1000u);
}

TEST(Output, CheckSaysWhatAFileIsAndGathersTheMistakesOfAll) {
  const std::string root = std::string(STEPCAST_SOURCE_DIR) + "/";
  const ProgramRun sound = stepcast_run(
      {"check", kScenario, root + "models/gpt3-175b.json", root + "topologies/dgx-a100-80g.json",
       root + "topologies/devices/A100-SXM-80GB.json", root + "topologies/calibrations/h100.json",
       root + "topologies/networks/nccl-ib.json", root + "scenarios/stacks/megatron-lm.json"});
  EXPECT_EQ(sound.exit_code, 0) << sound.err;
  for (const char* kind :
       {"a sound scenario", "a sound model", "a sound topology", "a sound device\n",
        "a sound device profile", "a sound network profile", "a sound stack"})
    EXPECT_NE(sound.out.find(kind), std::string::npos) << kind;

  const ProgramRun bad = stepcast_run({"check", root + "tests/corpus/scenario/tp_zero.json",
                                       root + "tests/corpus/topology/zero_gpus.json"});
  EXPECT_EQ(bad.exit_code, 3);
  EXPECT_NE(bad.err.find("tp_zero.json"), std::string::npos);
  EXPECT_NE(bad.err.find("zero_gpus.json"), std::string::npos);
}

TEST(Output, AFileInThisFolderNeedsNoSlash) {
  ScratchFolder folder;
  folder.write("tiny.json", tiny_scenario("{}"));
  EXPECT_EQ(stepcast_run({"predict", "tiny.json"}, {.folder = folder.root().string()}).exit_code,
            0);
  EXPECT_EQ(stepcast_run({"check", "tiny.json"}, {.folder = folder.root().string()}).exit_code, 0);
}

}  // namespace
}  // namespace stepcast
