// Fifty rounds of random harm: ranks killed, stopped, crashed or throwing, and supervisors killed.
// After each one no process is left, and who was harmed is named. The seed is fixed; the scheduler
// is not, so the rounds differ in what the others were doing at that moment.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <set>
#include <thread>

#include "kernels/live/process_group.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

using Clock = std::chrono::steady_clock;

enum class Harm { kKill, kStop, kThrow, kCrash, kKillSupervisor, kStopAndKillSupervisor };
constexpr int kHarms = 6;

struct Round {
  Harm harm{};
  int ranks = 0, victim = 0, operation = 0;
};

/// In the victim, at its moment, of which it tells first.
void do_harm(Harm harm, int moment) {
  if (::write(moment, "!", 1) != 1) throw std::runtime_error("the test is gone");
  switch (harm) {
    case Harm::kKill:
      ::kill(::getpid(), SIGKILL);
      break;
    case Harm::kStop:
      ::kill(::getpid(), SIGSTOP);
      break;
    case Harm::kThrow:
      throw std::runtime_error("a fault of its own");
    case Harm::kCrash:
      ::kill(::getpid(), SIGABRT);
      break;
    case Harm::kKillSupervisor:
      ::kill(::getppid(), SIGKILL);
      break;
    case Harm::kStopAndKillSupervisor: {
      // A helper of the victim's, since the victim can't do anything once it stands.
      const pid_t supervisor = ::getppid();
      if (::fork() == 0) {
        ::usleep(50'000);
        ::kill(supervisor, SIGKILL);
        ::_exit(0);
      }
      ::kill(::getpid(), SIGSTOP);
      break;
    }
  }
}

/// Collectives and messages without end, until the harm.
int rank_main(RankContext& context, const Round& round, int moment) {
  const auto world = context.world();
  const int next = (context.rank() + 1) % context.ranks();
  const int previous = (context.rank() + context.ranks() - 1) % context.ranks();
  std::vector<float> numbers(20'000, 1), message(500);
  const auto bytes = std::as_writable_bytes(std::span(numbers));
  for (int operation = 0;; ++operation) {
    context.begin_operation("operation " + std::to_string(operation));
    if (context.rank() == round.victim && operation == round.operation) do_harm(round.harm, moment);
    world->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32, ReduceOp::kMax);
    world->send(next, std::as_bytes(std::span(message)));
    world->receive(previous, std::as_writable_bytes(std::span(message)));
  }
}

/// Runs the ranks of a round and writes to `report` what their failure was called; the victim
/// writes to `moment`.
[[noreturn]] void be_supervisor(const Round& round, int report, int moment) {
  const rlimit no_core_files{.rlim_cur = 0, .rlim_max = 0};
  ::setrlimit(RLIMIT_CORE, &no_core_files);
  try {
    ProcessGroup group({.sizes = {.ranks = round.ranks, .mailbox_bytes = 1 << 20},
                        .stand_still_s = 2,
                        .grace_s = 0.5});
    group.run([&](RankContext& context) { return rank_main(context, round, moment); });
  } catch (const Error& error) {
    const std::string text = error.what();
    const ssize_t written = ::write(report, text.data(), text.size());
    ::_exit(written < 0 ? 1 : static_cast<int>(error.kind()));
  }
  ::_exit(0);
}

struct End {
  std::string report;
  int supervisor_status = 0;
  bool all_gone = false;
};

/// Time that this test has had, not time that has passed: what a busy machine, or one that stood,
/// kept from us it kept from supervisors and ranks, too.
class OwnTime {
 public:
  void restart() { own_ = Clock::duration{}, last_ = Clock::now(); }
  void look() {
    const Clock::time_point now = Clock::now();
    own_ += std::min(now - last_, kLongestTurn);
    last_ = now;
  }
  bool exceeds(Clock::duration limit) const { return own_ > limit; }

 private:
  static constexpr Clock::duration kLongestTurn = std::chrono::milliseconds(4);
  Clock::duration own_{};
  Clock::time_point last_ = Clock::now();
};

/// Ranks are gone so soon after the harm. A stopped one is noticed after 2 s.
constexpr std::chrono::seconds kGone{5};
/// Until the harm is done, or it never will be.
constexpr std::chrono::seconds kStart{120};

/// The test process inherits the ranks of a supervisor that dies, and so sees the last one go.
End run_round(const Round& round) {
  int report[2], moment[2];
  EXPECT_EQ(::pipe(report), 0);
  EXPECT_EQ(::pipe2(moment, O_NONBLOCK), 0);
  const pid_t supervisor = ::fork();
  if (supervisor == 0) be_supervisor(round, report[1], moment[1]);
  ::close(report[1]);
  End end;
  OwnTime time;
  for (bool harmed = false; !end.all_gone && !time.exceeds(harmed ? kGone : kStart); time.look()) {
    char mark = 0;
    if (!harmed && ::read(moment[0], &mark, 1) == 1) {
      harmed = true;
      time.restart();
    }
    int status = 0;
    const pid_t process = ::waitpid(-1, &status, WNOHANG);
    if (process == supervisor) end.supervisor_status = status;
    end.all_gone = process < 0;
    if (process == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  ::close(moment[0]);
  ::close(moment[1]);
  char text[4096];
  const ssize_t length = end.all_gone ? ::read(report[0], text, sizeof text) : 0;
  end.report.assign(text, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
  ::close(report[0]);
  return end;
}

void expect_named(const Round& round, const End& end) {
  if (round.harm == Harm::kKillSupervisor || round.harm == Harm::kStopAndKillSupervisor) {
    EXPECT_TRUE(WIFSIGNALED(end.supervisor_status) && WTERMSIG(end.supervisor_status) == SIGKILL);
    return;
  }
  EXPECT_TRUE(WIFEXITED(end.supervisor_status) && WEXITSTATUS(end.supervisor_status) == 7);
  EXPECT_TRUE(end.report.starts_with("rank " + std::to_string(round.victim) + " on "))
      << end.report;
  const char* how = round.harm == Harm::kKill    ? "was killed by SIGKILL"
                    : round.harm == Harm::kStop  ? "was stopped"
                    : round.harm == Harm::kCrash ? "was killed by SIGABRT"
                                                 : "failed: a fault of its own";
  EXPECT_NE(end.report.find(how), std::string::npos) << end.report;
  EXPECT_NE(end.report.find("in \"operation " + std::to_string(round.operation) + '"'),
            std::string::npos)
      << end.report;
  EXPECT_EQ(end.report.find(';'), std::string::npos) << "others were blamed: " << end.report;
}

/// Of ours in /dev/shm.
std::set<std::string> named_memory() {
  std::set<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", none)) {
    const std::string name = entry.path().filename();
    if (name.find("stepcast") != std::string::npos) names.insert(name);
  }
  return names;
}

TEST(FaultRounds, NothingIsLeftAndTheHarmedRankIsNamed) {
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  const std::set<std::string> named_before = named_memory();
  std::minstd_rand random(20261124);
  const auto below = [&](int limit) {
    return static_cast<int>(random() % static_cast<unsigned>(limit));
  };
  for (int i = 0; i < 50; ++i) {
    Round round{.harm = static_cast<Harm>(below(kHarms)), .ranks = 2 + below(3)};
    round.victim = below(round.ranks);
    round.operation = below(200);
    SCOPED_TRACE("round " + std::to_string(i) + ", harm " +
                 std::to_string(static_cast<int>(round.harm)) + ", rank " +
                 std::to_string(round.victim) + " of " + std::to_string(round.ranks));
    const End end = run_round(round);
    ASSERT_TRUE(end.all_gone) << "processes are left 5 s after the harm";
    expect_named(round, end);
  }
  EXPECT_EQ(named_memory(), named_before);
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace stepcast
