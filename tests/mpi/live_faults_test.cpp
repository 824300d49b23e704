// What becomes of stepcast live under mpirun when something goes wrong: who is named, what was done
// until then, and that nobody is left.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>
#include <thread>

#include "tests/mpi/run_mpi.h"
#include "tests/support/processes.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// Who gets the signal: the process of a rank; or mpirun, which started the one that looks after
/// the rank, its parent.
enum class Target : std::uint8_t { kRank, kMpirun };

/// Until then all ranks have kept some.
constexpr std::int64_t kStrikeInStep = 6;

/// Losses go to a file, too, whose path is an argument by which the processes are found.
ProgramRun train_and_strike(Target target, int rank, int signal, const ScratchFolder& folder,
                            const std::vector<std::string>& command) {
  const std::string losses = folder.path("losses.csv");
  std::atomic<bool> over = false;
  const auto trains = [rank](const SeenProcess& process) {
    return process.is_rank(rank) && process.step() >= kStrikeInStep;
  };
  const auto strike = [&](const SeenProcess& process) {
    if (target == Target::kRank) ::kill(process.id, signal);
    for (const SeenProcess& other : processes_with(losses))
      if (target == Target::kMpirun && other.id == process.parent) ::kill(other.parent, signal);
  };
  std::thread harm([&] {
    when_seen(
        losses, trains, [&] { return over.load(); }, strike);
  });
  ProgramRun run =
      run_mpi(joined(joined({"-n", "2"}, command),
                     {"--steps", "1000000", "--stand-still", "2", "--json", "--loss-csv", losses}),
              folder.root());
  over = true;
  harm.join();
  expect_none_left(losses);
  expect_no_memory_left(folder);
  return run;
}

std::vector<std::string> live(const std::string& name) {
  return {STEPCAST_BINARY, "live", scenario(name)};
}

ProgramRun train_and_strike(int rank, int signal, const ScratchFolder& folder) {
  return train_and_strike(Target::kRank, rank, signal, folder, live("live-tiny-dp2"));
}

/// As of a run that mpirun did not start. Returns why.
std::string expect_incomplete_steps(const ProgramRun& ran) {
  const JsonDocument result = parse_json(ran.out, "stdout");
  EXPECT_EQ(result.root().member("complete")->as_boolean(), false);
  EXPECT_FALSE(result.root().member("losses")->elements().empty()) << ran.err;
  std::string failure = result.root().member("failure")->as_string().value_or("");
  EXPECT_NE(failure, "");
  return failure;
}

void expect_named(const std::string& text, int rank, const std::string& what) {
  EXPECT_TRUE(std::regex_search(
      text, std::regex("rank " + std::to_string(rank) + " on \\S+ \\(process \\d+\\) " + what +
                       ", in \"[^\"]+\"")))
      << text;
}

TEST(LiveFaultsUnderMpi, StepsUntilRankZeroWasKilledAreKept) {
  const ScratchFolder folder;
  const ProgramRun ran = train_and_strike(0, SIGKILL, folder);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  expect_named(ran.err, 0, "was killed by SIGKILL");
  expect_named(expect_incomplete_steps(ran), 0, "was killed by SIGKILL");
  EXPECT_EQ(parse_json(ran.out, "stdout").root().member("device")->as_string(), "cores");
  EXPECT_NE(text_of(folder.path("losses.csv")).find("# incomplete"), std::string::npos);
}

TEST(LiveFaultsUnderMpi, StepsUntilAnotherRankWasKilledAreKept) {
  const ScratchFolder folder;
  const ProgramRun ran = train_and_strike(1, SIGKILL, folder);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  expect_named(ran.err, 1, "was killed by SIGKILL");
  expect_incomplete_steps(ran);
}

/// The daemon of another node started it.
TEST(LiveFaultsUnderMpi, StepsUntilARankOfAnotherNodeWasKilledAreKept) {
  const ScratchFolder folder;
  const ProgramRun ran = train_and_strike(Target::kRank, 1, SIGKILL, folder,
                                          joined(two_nodes(folder), live("live-tiny-dp2")));
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  expect_named(ran.err, 1, "was killed by SIGKILL");
  expect_incomplete_steps(ran);
}

TEST(LiveFaultsUnderMpi, StepsUntilARankWasStoppedAreKept) {
  const ScratchFolder folder;
  const ProgramRun ran = train_and_strike(1, SIGSTOP, folder);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  expect_named(ran.err, 1, "was stopped \\(SIGSTOP or a debugger\\), for \\d+\\.\\d s");
  expect_incomplete_steps(ran);
}

/// What can't be written is told; the rest is there.
TEST(LiveFaultsUnderMpi, AFullDiskLeavesTheLosses) {
  const ScratchFolder folder;
  const ProgramRun ran = run_mpi({"-n", "2", STEPCAST_BINARY, "live", scenario("live-tiny-dp2"),
                                  "--steps", "4", "--json", "--loss-csv", "/dev/full"},
                                 folder.root());
  EXPECT_EQ(ran.exit_code, 5) << ran.err;
  EXPECT_NE(ran.err.find("/dev/full: cannot write: No space left on device"), std::string::npos)
      << ran.err;
  EXPECT_EQ(parse_json(ran.out, "stdout").root().member("losses")->elements().size(), 4u);
}

TEST(LiveFaultsUnderMpi, StepsUntilAFailureArePrinted) {
  const ScratchFolder folder;
  const ProgramRun ran = run_mpi({"-n", "2", STEPCAST_BINARY, "live", scenario("live-tiny-dp2"),
                                  "--steps", "50", "--learning-rate", "1e30", "--json"},
                                 folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("is no number any more"), std::string::npos) << ran.err;
  expect_incomplete_steps(ran);
}

/// The file has them; of what is printed mpirun passes on little, or nothing, once it was told to
/// end.
TEST(LiveFaultsUnderMpi, StepsUntilMpirunIsEndedAreKept) {
  const ScratchFolder folder;
  const ProgramRun ran =
      train_and_strike(Target::kMpirun, 0, SIGINT, folder, live("live-small-dp2"));
  EXPECT_NE(ran.exit_code, 0) << ran.err;
  EXPECT_NE(ran.err.find("mpirun ends all ranks"), std::string::npos) << ran.err;
  const std::string losses = text_of(folder.path("losses.csv"));
  EXPECT_NE(losses.find("\n1,5."), std::string::npos) << losses;  // ln 256 = 5.5
  EXPECT_TRUE(losses.ends_with("# incomplete: the run ended early\n")) << losses;
  if (ran.out.ends_with("}\n")) expect_incomplete_steps(ran);
}

/// Rank 0 waits in NCCL, and for its GPU, for who will never come: the process that looks after it
/// speaks.
TEST(LiveFaultsUnderMpi, StepsOnGpusUntilARankWasKilledAreKept) {
  const ScratchFolder folder;
  const std::vector<std::string> command = {
      "/usr/bin/env",
      std::string("STEPCAST_CUDA_MODULE=") + STEPCAST_EMULATED_MODULE,
      "STEPCAST_EMULATED_GPUS=2",
      "STEPCAST_EMULATED_NAME=NVIDIA H100 80GB HBM3",
      STEPCAST_BINARY,
      "live",
      folder.write("two.json", R"({
        "model": "micro.json", "topology": "dgx-h100", "num_gpus": 2, "stack": "stepcast-live",
        "plan": {"tp": 2, "micro_batch_size": 1},
        "training": {"global_batch_size": 2, "seq_len": 16, "precision": "fp32"}})")};
  folder.write("micro.json", R"({
        "name": "Micro GPT", "source": "made for a test", "num_layers": 1, "hidden_size": 32,
        "num_heads": 2, "vocab_size": 64, "max_positions": 16})");
  const ProgramRun ran = train_and_strike(Target::kRank, 1, SIGKILL, folder, command);
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  expect_named(ran.err, 1, "was killed by SIGKILL");
  expect_incomplete_steps(ran);
  EXPECT_EQ(parse_json(ran.out, "stdout").root().member("device")->as_string(),
            "2 x NVIDIA H100 80GB HBM3");
}

}  // namespace
}  // namespace stepcast
