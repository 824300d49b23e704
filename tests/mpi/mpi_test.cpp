// Ranks under mpirun, against ranks as threads or processes of this machine; and what becomes of
// them when one fails.
#include <gtest/gtest.h>

#include <regex>
#include <thread>

#include "kernels/live/thread_group.h"
#include "tests/mpi/exchange.h"
#include "tests/mpi/run_mpi.h"
#include "tests/support/processes.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

/// The folder is one more argument, by which the processes are found.
ProgramRun run_ranks(int ranks, const std::string& fault, const std::string& folder) {
  return run_mpi(
      {"-n", std::to_string(ranks), STEPCAST_MPI_RANKS, fault, std::to_string(ranks), folder},
      folder);
}

/// What each of three ranks kept before the fault (mpi_ranks.cpp).
void expect_all_kept(const std::string& out) {
  EXPECT_TRUE(
      std::regex_match(out, std::regex("rank 0 kept [1-9]\\d*\nrank 1 kept 2\nrank 2 kept 3\n")))
      << out;
}

TEST(Mpi, GivesTheSameBitsAsSharedMemory) {
  const ScratchFolder folder;
  for (const int ranks : {2, 3, 4}) {
    ThreadGroup threads({.ranks = ranks, .mailbox_bytes = 1 << 20});
    threads.run(exchange);
    std::string expected;
    for (int rank = 0; rank < ranks; ++rank) expected += fingerprint(threads.kept(rank)) + "\n";
    const ProgramRun ran = run_ranks(ranks, "none", folder.root());
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out, expected);
  }
}

TEST(Mpi, AFailingRankEndsAllAndIsNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "throw", folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("rank 1 on "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("failed: a fault of its own, in \"the beginning\""), std::string::npos)
      << ran.err;
  expect_all_kept(ran.out);
  expect_none_left(folder.root());
}

/// As of a run that mpirun did not start: host, process and last operation are named, by one alone.
void expect_end(const std::string& fault, int rank, const std::string& what) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, fault, folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_TRUE(std::regex_search(
      ran.err, std::regex("rank " + std::to_string(rank) + " on \\S+ \\(process \\d+\\) " + what +
                          ", in \"the beginning\"")))
      << ran.err;
  const std::regex any("rank \\d+ on \\S+ \\(process \\d+\\) (was killed|was stopped|showed)");
  EXPECT_EQ(std::distance(std::sregex_iterator(ran.err.begin(), ran.err.end(), any), {}), 1)
      << ran.err;
  expect_all_kept(ran.out);
  expect_none_left(folder.root());
  expect_no_memory_left(folder);
}

/// The others, who wait, are not blamed.
TEST(Mpi, AStoppedRankIsNoticedAndNamed) {
  expect_end("stop", 1, "was stopped \\(SIGSTOP or a debugger\\), for \\d+\\.\\d s");
}

/// While the others wait for it in MPI_Init, without an end of their own.
TEST(Mpi, ARankThatIsStoppedBeforeItJoinsIsNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(2, "early", folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_TRUE(std::regex_search(
      ran.err, std::regex("rank 1 on \\S+ \\(process \\d+\\) was stopped \\(SIGSTOP or a "
                          "debugger\\), for \\d+\\.\\d s, before its first operation")))
      << ran.err;
  expect_none_left(folder.root());
}

TEST(Mpi, AKilledRankEndsAllAndIsNamed) { expect_end("kill", 1, "was killed by SIGKILL"); }

TEST(Mpi, WhatRanksKeptOutlivesRankZero) {
  expect_end("first-kill", 0, "was killed by SIGKILL");
  expect_end("first-stop", 0, "was stopped \\(SIGSTOP or a debugger\\), for \\d+\\.\\d s");
}

/// Then rank 0 itself says what it has.
TEST(Mpi, WhatRanksKeptOutlivesWhoLooksAfterRankZero) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "first-unwatched", folder.root());
  EXPECT_NE(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("mpirun ends all ranks"), std::string::npos) << ran.err;
  expect_all_kept(ran.out);
  expect_none_left(folder.root());
}

/// As one that waits for a GPU.
TEST(Mpi, WhatRanksKeptIsSaidForARankZeroThatDoesNotHear) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "deaf", folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find(") was ended with them, in \"the beginning\""), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("failed: a fault of its own, in \"the beginning\""), std::string::npos)
      << ran.err;
  expect_all_kept(ran.out);
  expect_none_left(folder.root());
}

/// They show signs of life, and none of them moves on.
TEST(Mpi, RanksThatWaitInACircleAreAllNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "circle", folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  const std::string who = " on \\S+ for rank ", where = " in \"the beginning\"";
  EXPECT_TRUE(std::regex_search(
      ran.err, std::regex("ends the run: all ranks wait for each other: rank 0" + who + "1" +
                          where + ", rank 1" + who + "2" + where + ", rank 2" + who + "0" + where)))
      << ran.err;
  expect_all_kept(ran.out);
  expect_none_left(folder.root());
  expect_no_memory_left(folder);
}

TEST(Mpi, ARankOfAnotherBuildIsRefusedAndNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "version", folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("ranks do not agree on the version: ranks 0, 1 have \"0.1\", rank 2 has "
                         "\"0.2\""),
            std::string::npos)
      << ran.err;
  expect_none_left(folder.root());
}

/// How often it is there.
int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++found;
  return found;
}

/// The others wait for it before their next run.
TEST(Mpi, ARankThatFailsOutsideOfRunsEndsAllAndIsNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "between", folder.root());
  EXPECT_FALSE(ran.timed_out);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_TRUE(
      std::regex_search(ran.err, std::regex("rank 1 on \\S+ failed: a fault outside of runs\n")))
      << ran.err;
  EXPECT_EQ(count(ran.err, "a fault outside of runs"), 1) << ran.err;
  expect_none_left(folder.root());
  expect_no_memory_left(folder);
}

/// The others are done, so the exit code is its own.
TEST(Mpi, ARankThatFailsInTheEndIsNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "after", folder.root());
  EXPECT_FALSE(ran.timed_out);
  EXPECT_EQ(ran.exit_code, 5) << ran.err;
  EXPECT_EQ(count(ran.err, " failed: a fault outside of runs"), 1) << ran.err;
}

TEST(Mpi, RanksDoNotOutliveMpirun) {
  const ScratchFolder folder;
  const ProgramRun ran = run_ranks(3, "orphan", folder.root());
  EXPECT_EQ(ran.exit_code, 128 + 9) << ran.err;
  expect_none_left(folder.root());
  expect_no_memory_left(folder);
}

std::vector<std::string> live(const std::string& name) {
  return {STEPCAST_BINARY, "live", scenario(name), "--steps", "4", "--json"};
}

/// Collectives add in the same order, so not a bit differs.
TEST(LiveUnderMpi, TrainsAsProcessesOfOneMachineDo) {
  const ScratchFolder folder;
  const std::vector<double> expected = losses_of(run_program(live("live-tiny-dp2")));
  EXPECT_EQ(expected.size(), 4u);
  EXPECT_EQ(losses_of(run_mpi(joined({"-n", "2"}, live("live-tiny-dp2")), folder.root())),
            expected);
}

TEST(LiveUnderMpi, TrainsOnTwoNodesAsOnOne) {
  const ScratchFolder folder;
  const std::vector<double> expected = losses_of(run_program(live("live-tiny-dp2")));
  const ProgramRun ran =
      run_mpi(joined(joined(two_nodes(folder), {"-n", "2"}), live("live-tiny-dp2")), folder.root());
  EXPECT_EQ(losses_of(ran), expected);
}

TEST(LiveUnderMpi, AComparisonBetweenNodesIsRefused) {
  const ScratchFolder folder;
  const ProgramRun ran =
      run_mpi(joined(joined(two_nodes(folder), {"-n", "2"}),
                     {STEPCAST_BINARY, "live", scenario("live-tiny-dp2"), "--compare"}),
              folder.root());
  EXPECT_EQ(ran.exit_code, 6) << ran.err;
  EXPECT_NE(ran.err.find("--compare is for ranks of one node; rank 0 is on "), std::string::npos)
      << ran.err;
}

/// By all ranks, before they train.
TEST(LiveUnderMpi, AComparisonWithAnotherStackIsRefused) {
  const ScratchFolder folder;
  const std::string file = folder.write("megatron.json", R"({
      "model": "tiny-gpt", "topology": "cpu-2", "num_gpus": 2, "stack": "megatron-lm",
      "plan": {"dp": 2, "micro_batch_size": 4},
      "training": {"global_batch_size": 8, "seq_len": 64, "precision": "fp32"}})");
  const ProgramRun ran =
      run_mpi({"-n", "2", STEPCAST_BINARY, "live", file, "--compare"}, folder.root());
  EXPECT_FALSE(ran.timed_out);
  EXPECT_EQ(ran.exit_code, 6) << ran.err;
  EXPECT_NE(ran.err.find("stack \"megatron-lm\" is not what a live run executes"),
            std::string::npos)
      << ran.err;
  EXPECT_EQ(ran.out, "");
}

TEST(LiveUnderMpi, AnotherNumberOfRanksThanThePlansIsRefused) {
  const ScratchFolder folder;
  const ProgramRun ran = run_mpi(joined({"-n", "3"}, live("live-tiny-dp2")), folder.root());
  EXPECT_EQ(ran.exit_code, 4) << ran.err;
  EXPECT_NE(ran.err.find("mpirun started 3 ranks, and the plan has 2: mpirun -n 2"),
            std::string::npos)
      << ran.err;
}

TEST(LiveUnderMpi, RanksWithOtherProgramsAreTold) {
  const ScratchFolder folder;
  const ProgramRun ran =
      run_mpi(joined(joined(joined({"-n", "1"}, live("live-tiny-dp2")), {":", "-n", "1"}),
                     live("live-tiny-sgd-dp2")),
              folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("ranks do not agree on the program: rank 0 has \""), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("rank 1 has \""), std::string::npos) << ran.err;
  EXPECT_EQ(ran.out, "") << "nothing was trained";
}

TEST(LiveUnderMpi, RanksWithOtherOptionsAreTold) {
  const ScratchFolder folder;
  const std::vector<std::string> first = {
      "-n", "1", STEPCAST_BINARY, "live", scenario("live-tiny-dp2"), "--steps", "4"};
  const std::vector<std::string> second = {
      ":", "-n", "1", STEPCAST_BINARY, "live", scenario("live-tiny-dp2"), "--steps", "5"};
  const ProgramRun ran = run_mpi(joined(first, second), folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("ranks do not agree on the options: rank 0 has \"4 steps"),
            std::string::npos)
      << ran.err;
}

/// Of two ranks of the same scenario, the second of which is told `more`.
void expect_disagreement(const std::vector<std::string>& more, const std::string& first,
                         const std::string& second) {
  const ScratchFolder folder;
  const ProgramRun ran =
      run_mpi(joined(joined(joined({"-n", "1"}, live("live-tiny-dp2")), {":", "-n", "1"}),
                     joined(live("live-tiny-dp2"), more)),
              folder.root());
  EXPECT_FALSE(ran.timed_out);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  const std::regex said("ranks do not agree on the options: rank 0 has \"[^\"]*" + first +
                        "\", rank 1 has \"[^\"]*" + second + "\" \\(all on ");
  EXPECT_TRUE(std::regex_search(ran.err, said)) << ran.err;
  EXPECT_EQ(count(ran.err, "do not agree"), 1) << ran.err;
  EXPECT_EQ(ran.out, "") << "nothing was trained";
}

/// Before they look for GPUs, or take plain loops, or read a text.
TEST(LiveUnderMpi, RanksOnOtherDevicesAreTold) {
  expect_disagreement({"--device", "cuda"}, "device auto", "device cuda");
  expect_disagreement({"--through-host"}, "device auto", "device auto, through the host");
  expect_disagreement({"--reference"}, "device auto", "device auto, plain loops");
}

TEST(LiveUnderMpi, RanksWithOtherTextsAreTold) {
  const ScratchFolder folder;
  const std::string text(200, 'a');
  expect_disagreement({"--text", folder.write("a.txt", text)}, "device auto",
                      "device auto, a text with fingerprint \\d+");
  const std::string a = folder.write("a/text", text), same = folder.write("b/text", text);
  const auto run = [&](const std::string& other) {
    return run_mpi(
        joined(joined({"-n", "1"}, joined(live("live-tiny-dp2"), {"--text", a})),
               joined({":", "-n", "1"}, joined(live("live-tiny-dp2"), {"--text", other}))),
        folder.root());
  };
  EXPECT_EQ(losses_of(run(same)).size(), 4u) << "the same text elsewhere";
  const ProgramRun ran = run(folder.write("c/text", text + "b"));
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("ranks do not agree on the options: "), std::string::npos) << ran.err;
}

/// As one process says it, with its exit code.
TEST(LiveUnderMpi, WhatIsWrongOnAllRanksIsSaidOnce) {
  const ScratchFolder folder;
  const auto expect_once = [&](const std::vector<std::string>& arguments, int code,
                               const std::string& what) {
    const std::vector<std::string> command = joined({STEPCAST_BINARY, "live"}, arguments);
    const ProgramRun alone = run_program(command);
    const ProgramRun ran = run_mpi(joined({"-n", "3"}, command), folder.root());
    EXPECT_EQ(ran.exit_code, code) << ran.err;
    EXPECT_EQ(alone.exit_code, code) << alone.err;
    EXPECT_NE(alone.err.find(what), std::string::npos) << alone.err;
    EXPECT_EQ(count(ran.err, alone.err), 1) << ran.err;
    EXPECT_EQ(ran.out, "");
  };
  expect_once({"live-tiny-dp22"}, 3, "live-tiny-dp22");
  expect_once({scenario("live-tiny-dp2"), "--stpes", "3"}, 2, "--stpes");
  expect_once({scenario("live-tiny-dp2"), "--text", "/nowhere/text"}, 5, "/nowhere/text");
}

/// On the other node, say; the one that has it would wait for ever.
TEST(LiveUnderMpi, ARankWithoutItsScenarioEndsAllAndIsNamed) {
  const ScratchFolder folder;
  const ProgramRun ran =
      run_mpi(joined(joined(joined({"-n", "1"}, live("live-tiny-dp2")), {":", "-n", "1"}),
                     {STEPCAST_BINARY, "live", "/nowhere/scenario.json"}),
              folder.root());
  EXPECT_FALSE(ran.timed_out);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_TRUE(std::regex_search(
      ran.err, std::regex("rank 1 on \\S+ failed: /nowhere/scenario.json: cannot open")))
      << ran.err;
  EXPECT_EQ(ran.out, "");
}

TEST(LiveUnderMpi, ComparesWhereEachRankHasACore) {
  const ScratchFolder folder;
  const ProgramRun ran = run_mpi({"-n", "2", STEPCAST_BINARY, "live", scenario("live-tiny-dp2"),
                                  "--compare", "--rounds", "2", "--json"},
                                 folder.root());
  if (std::thread::hardware_concurrency() < 2) {
    EXPECT_EQ(ran.exit_code, 6) << ran.err;
    EXPECT_NE(ran.err.find("share one; leave mpirun out"), std::string::npos) << ran.err;
    return;
  }
  ASSERT_EQ(ran.exit_code, 0) << ran.err;
  const JsonDocument result = parse_json(ran.out, "stdout");
  const JsonValue comparison = *result.root().member("comparison");
  EXPECT_EQ(comparison.member("steps")->as_integer(), 6);
  const bool measurable = comparison.member("measurable")->as_boolean().value_or(false);
  EXPECT_NE(measurable, comparison.member("reason").has_value());
}

}  // namespace
}  // namespace stepcast
