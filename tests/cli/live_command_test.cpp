// stepcast live as a user runs it. Times are never compared here: machines that run tests are busy.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"
#include "tests/support/processes.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

std::string shipped(const std::string& name) {
  return std::string(STEPCAST_SOURCE_DIR) + "/scenarios/" + name + ".json";
}

ProgramRun live(std::vector<std::string> arguments, const RunOptions& options = {}) {
  arguments.insert(arguments.begin(), {STEPCAST_BINARY, "live"});
  return run_program(arguments, options);
}

JsonDocument document(const ProgramRun& run) { return parse_json(run.out, "stdout"); }

std::vector<double> losses(const JsonDocument& result) {
  std::vector<double> losses;
  for (const JsonValue& loss : result.root().member("losses")->elements())
    losses.push_back(loss.as_number().value_or(NAN));
  return losses;
}

TEST(LiveCommand, PlansTrainAlikeAndTheirMemoryIsAsPredicted) {
  const ProgramRun one = live({shipped("live-tiny-1"), "--steps", "4", "--json"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  const std::vector<double> expected = losses(document(one));
  ASSERT_EQ(expected.size(), 4u);
  EXPECT_NEAR(expected.front(), std::log(256.0), 0.3);
  for (const char* name : {"live-tiny-dp2", "live-tiny-tp2"}) {
    const ProgramRun run = live({shipped(name), "--steps", "4", "--json"});
    ASSERT_EQ(run.exit_code, 0) << run.err;
    const JsonDocument result = document(run);
    const std::vector<double> found = losses(result);
    ASSERT_EQ(found.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(found[i] / expected[i], 1, 2e-6) << name;
    const std::vector<JsonValue> memory = result.root().member("memory")->elements();
    ASSERT_EQ(memory.size(), 2u);
    for (const JsonValue& rank : memory)
      EXPECT_EQ(rank.member("measured_peak_bytes")->as_integer(),
                rank.member("predicted_peak_bytes")->as_integer());
  }
}

TEST(LiveCommand, ByteLevelModelLearnsAText) {
  // ln 256 = 5.5 nats to begin with; the text is some of this program.
  const std::string text = std::string(STEPCAST_SOURCE_DIR) + "/sim/cost/network_json.cpp";
  const ProgramRun run = live({shipped("live-tiny-1"), "--steps", "250", "--learning-rate", "0.003",
                               "--text", text, "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::vector<double> found = losses(document(run));
  EXPECT_GT(found.front(), 5);
  EXPECT_LT(found.back(), 2.5);
}

TEST(LiveCommand, ComparisonIsMadeOrSaysWhyNot) {
  const ProgramRun run = live({shipped("live-tiny-dp2"), "--compare", "--rounds", "2", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonDocument result = document(run);
  const JsonValue comparison = *result.root().member("comparison");
  EXPECT_EQ(comparison.member("steps")->as_integer(), 6);
  if (comparison.member("measurable")->as_boolean().value_or(false)) {
    EXPECT_GT(comparison.member("predicted_step_time_s")->as_number().value_or(0), 0);
    EXPECT_FALSE(comparison.member("worst")->elements().empty());
  } else {
    EXPECT_FALSE(comparison.member("reason")->as_string().value_or("").empty());
  }
}

/// Until the end of the test this process, and what it starts, has one core, and shares it with two
/// programs that are always busy. Other tests, beside this one, keep the other cores.
class OneBusyCore {
 public:
  OneBusyCore() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(::sched_getcpu(), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    for (pid_t& process : processes_) {
      process = ::fork();
      if (process != 0) continue;
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (volatile unsigned long turns = 0;;) turns = turns + 1;
    }
  }
  ~OneBusyCore() {
    for (const pid_t process : processes_) {
      ::kill(process, SIGKILL);
      ::waitpid(process, nullptr, 0);
    }
    ::sched_setaffinity(0, sizeof before_, &before_);
  }
  OneBusyCore(const OneBusyCore&) = delete;
  OneBusyCore& operator=(const OneBusyCore&) = delete;

 private:
  cpu_set_t before_;
  std::array<pid_t, 2> processes_{};
};

TEST(LiveCommand, WhatIsNotMeasurableIsTriedOnceMoreAndSaysSo) {
  const OneBusyCore busy;
  const ProgramRun run = live({shipped("live-tiny-1"), "--compare", "--rounds", "2", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const JsonDocument result = document(run);
  const JsonValue comparison = *result.root().member("comparison");
  const auto attempts = comparison.member("attempts")->as_integer();
  EXPECT_EQ(attempts == 2, comparison.member("first_attempt_reason").has_value());
  if (attempts == 2) {
    EXPECT_NE(run.err.find("not measurable: "), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("Trying once more"), std::string::npos) << run.err;
  }
  // Not even other programs keep a rank from its core on a machine that gives it precedence, or
  // where the system does not tell.
  if (!comparison.member("measurable")->as_boolean().value_or(true)) {
    EXPECT_FALSE(comparison.member("reason")->as_string().value_or("").empty());
  }
}

TEST(LiveCommand, TraceOfAComparisonShowsBothSteps) {
  const ScratchFolder folder;
  const std::string trace = folder.path("both.json");
  const ProgramRun run =
      live({shipped("live-tiny-dp2"), "--compare", "--rounds", "2", "--json", "--trace", trace});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::string text = read_text_file(trace, 1 << 28);
  const JsonDocument result = document(run);
  if (!result.root().member("comparison")->member("measurable")->as_boolean().value_or(false)) {
    EXPECT_EQ(text.find("predicted: rank 0"), std::string::npos);
    EXPECT_NE(text.find("rank 0, stage 0 of 1"), std::string::npos);
    return;
  }
  for (const char* name : {"predicted: rank 0", "measured: rank 0", "predicted: rank 1",
                           "measured: rank 1", "gemm_forward", "all_reduce"})
    EXPECT_NE(text.find(name), std::string::npos) << name;
  const ProgramRun compared = run_program({STEPCAST_BINARY, "compare", trace, trace});
  EXPECT_EQ(compared.exit_code, 3);
  EXPECT_NE(compared.err.find("two runs side by side"), std::string::npos) << compared.err;
}

TEST(LiveCommand, WritesTraceAndLosses) {
  const ScratchFolder folder;
  const std::string trace = folder.path("trace.json"), csv = folder.path("losses.csv");
  const ProgramRun run =
      live({shipped("live-small-pp2-1f1b"), "--steps", "2", "--trace", trace, "--loss-csv", csv});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("as predicted to the byte"), std::string::npos) << run.out;
  const std::string events = read_text_file(trace, 1 << 28);
  for (const char* name : {"gemm_forward", "\"send\"", "\"recv\"", "adam"})
    EXPECT_NE(events.find(name), std::string::npos) << name;
  EXPECT_EQ(read_text_file(csv, 1 << 20).substr(0, 14), "step,loss\n1,5.");
}

TEST(LiveCommand, FailedRankIsExitCodeSevenAndWhatWasDoneIsPrinted) {
  const ProgramRun run =
      live({shipped("live-tiny-dp2"), "--steps", "50", "--learning-rate", "1e30", "--json"});
  EXPECT_EQ(run.exit_code, 7);
  EXPECT_NE(run.err.find("is no number any more"), std::string::npos) << run.err;
  const JsonDocument result = document(run);
  EXPECT_EQ(result.root().member("complete")->as_boolean(), false);
  EXPECT_FALSE(result.root().member("losses")->elements().empty());
}

/// What a rank that is in a later step has kept.
constexpr int kSomeSteps = 3;

TEST(LiveCommand, CtrlCKeepsWhatWasDone) {
  const ScratchFolder folder;
  const std::string csv = folder.path("losses.csv");
  std::atomic<bool> over = false;
  std::thread user([&] {
    when_seen(
        csv,
        [](const SeenProcess& process) {
          return process.is_rank(1) && process.step() > kSomeSteps;
        },
        [&] { return over.load(); }, [](const SeenProcess& rank) { ::kill(rank.parent, SIGINT); });
  });
  const ProgramRun run =
      live({shipped("live-tiny-dp2"), "--steps", "1000000", "--json", "--loss-csv", csv});
  over = true;
  user.join();
  EXPECT_EQ(run.exit_code, 7) << run.err;
  EXPECT_NE(run.err.find("the live run was ended by SIGINT"), std::string::npos) << run.err;
  EXPECT_EQ(document(run).root().member("complete")->as_boolean(), false);
  EXPECT_GE(losses(document(run)).size(), std::size_t{kSomeSteps});
}

TEST(LiveCommand, TracesAndLossesOfAFailedRunSayThatTheyAreIncomplete) {
  const ScratchFolder folder;
  const std::string trace = folder.path("trace.json"), csv = folder.path("losses.csv");
  const ProgramRun run = live({shipped("live-tiny-dp2"), "--steps", "50", "--learning-rate", "1e30",
                               "--trace", trace, "--loss-csv", csv});
  EXPECT_EQ(run.exit_code, 7) << run.err;
  const std::string text = read_text_file(trace, 1 << 28);
  const JsonDocument events = parse_json(text, trace);
  EXPECT_EQ(events.root().member("complete")->as_boolean(), false);
  EXPECT_NE(text.find("gemm_forward"), std::string::npos) << "no ops were kept";
  const std::string losses = read_text_file(csv, 1 << 20);
  EXPECT_EQ(losses.substr(0, 14), "step,loss\n1,5.");
  EXPECT_NE(losses.find("\n# incomplete"), std::string::npos) << losses;
}

TEST(LiveCommand, FullDiskIsAnIoErrorAndOtherOutputsAreWritten) {
  const ScratchFolder folder;
  const std::string csv = folder.path("losses.csv");
  const std::vector<std::string> two_steps = {shipped("live-tiny-1"), "--steps", "2"};
  const auto run = [&](std::vector<std::string> more, const RunOptions& options = {}) {
    more.insert(more.begin(), two_steps.begin(), two_steps.end());
    return live(more, options);
  };
  for (const char* output : {"--loss-csv", "--trace"}) {
    const ProgramRun full = run({output, "/dev/full"});
    EXPECT_EQ(full.exit_code, 5) << output;
    EXPECT_NE(full.err.find("/dev/full: cannot write: No space left on device"), std::string::npos)
        << full.err;
    EXPECT_NE(full.out.find("step      2   loss"), std::string::npos) << full.out;
  }
  EXPECT_EQ(run({"--trace", "/dev/full", "--loss-csv", csv}).exit_code, 5);
  EXPECT_EQ(read_text_file(csv, 1 << 20).substr(0, 14), "step,loss\n1,5.");
  std::filesystem::remove(csv);
  const ProgramRun no_stdout = run({"--json", "--loss-csv", csv}, {.out_to = "/dev/full"});
  EXPECT_EQ(no_stdout.exit_code, 5) << no_stdout.err;
  EXPECT_EQ(read_text_file(csv, 1 << 20).substr(0, 14), "step,loss\n1,5.");
}

TEST(LiveCommand, WhatCannotRunIsRefused) {
  const ScratchFolder folder;
  const std::string in_fp16 = folder.write("fp16.json", R"({
      "model": "tiny-gpt", "topology": "dgx-h100", "stack": "stepcast-live", "plan": {},
      "training": {"global_batch_size": 8, "seq_len": 64, "precision": "fp16"}})");
  const ProgramRun half = live({in_fp16, "--steps", "1", "--device", "cpu"});
  EXPECT_EQ(half.exit_code, 6);
  EXPECT_NE(half.err.find("fp32"), std::string::npos) << half.err;
  EXPECT_EQ(live({shipped("live-tiny-1"), "--text", "/nowhere/text"}).exit_code, 5);
  EXPECT_EQ(live({shipped("live-tiny-1"), "--steps", "0"}).exit_code, 2);
  EXPECT_EQ(live({shipped("live-tiny-1"), "--rounds", "4"}).exit_code, 2);  // needs --compare
  // What would be ignored.
  EXPECT_EQ(live({shipped("live-tiny-1"), "--compare", "--steps", "9"}).exit_code, 2);
  const ProgramRun through = live({shipped("live-tiny-1"), "--through-host"});
  EXPECT_EQ(through.exit_code, 2);
  EXPECT_NE(through.err.find("--through-host is of GPUs"), std::string::npos) << through.err;
}

TEST(LiveCommand, NumbersOutOfTheirRangeAreRefusedInAShortLine) {
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"--learning-rate", "-1"}, {"--learning-rate", "nan"}, {"--learning-rate", "inf"},
      {"--learning-rate", "1x"}, {"--seed", "-1"},           {"--stand-still", "nan"}};
  for (const auto& [option, value] : wrong) {
    const ProgramRun run = live({shipped("live-tiny-1"), option, value});
    EXPECT_EQ(run.exit_code, 2) << option << " " << value;
    EXPECT_NE(run.err.find(option + ": \"" + value + "\" is no number from "), std::string::npos)
        << run.err;
    EXPECT_LT(run.err.size(), 120u) << run.err;
  }
}

TEST(LiveCommand, OutputThatCannotBeWrittenIsToldBeforeTraining) {
  for (const char* output : {"--trace", "--loss-csv"}) {
    const ProgramRun run =
        live({shipped("live-tiny-1"), "--steps", "1000000", output, "/nowhere/file"});
    EXPECT_EQ(run.exit_code, 5);
    EXPECT_EQ(run.err, "/nowhere/file: cannot create: No such file or directory\n");
    EXPECT_EQ(run.out, "");
  }
}

/// Weights and moments of eight replicas, which eight H200 would hold: 900 GB.
/// As the kernel counts what programs may take; 0: it does not say.
double available_gigabytes() {
  std::ifstream file("/proc/meminfo");
  double kilobytes = 0;
  for (std::string word; file >> word;)
    if (word == "MemAvailable:" && file >> kilobytes) return kilobytes / 1e6;
  return 0;
}

/// Eight replicas take 900 GB.
TEST(LiveCommand, JobThatTheMachineCannotHoldIsRefusedBeforeItTakesMemory) {
  const double available = available_gigabytes();
  if (available == 0 || available > 800) GTEST_SKIP() << "this machine may hold the job";
  const ScratchFolder folder;
  const std::string large = folder.write("large.json", R"({
      "model": "mpt-7b", "topology": "dgx-h200", "stack": "stepcast-live", "plan": {"dp": 8},
      "training": {"global_batch_size": 8, "seq_len": 8, "precision": "bf16"}})");
  const ProgramRun run = live({large, "--steps", "1", "--device", "cpu"});
  EXPECT_EQ(run.exit_code, 4) << run.err;
  EXPECT_NE(run.err.find("this machine has "), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("8 ranks on it need "), std::string::npos) << run.err;
}

}  // namespace
}  // namespace stepcast
