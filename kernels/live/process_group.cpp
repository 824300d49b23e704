#include "kernels/live/process_group.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "kernels/live/supervisor.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr double kShortestStandStill = 2;
constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP};

/// While it lives, signals that would end this process arrive at a descriptor instead.
class CaughtSignals {
 public:
  CaughtSignals() {
    sigset_t caught;
    ::sigemptyset(&caught);
    for (const int signal : kEndingSignals) ::sigaddset(&caught, signal);
    ::pthread_sigmask(SIG_BLOCK, &caught, &before_);
    descriptor_ = ::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
  }
  /// What still waits is dropped: Ctrl-C may arrive twice, from the terminal and from a program
  /// that passes it on, and what the run measured is yet to be printed.
  ~CaughtSignals() {
    signalfd_siginfo signal{};
    while (descriptor_ >= 0 && ::read(descriptor_, &signal, sizeof signal) == sizeof signal) {
    }
    if (descriptor_ >= 0) ::close(descriptor_);
    restore();
  }
  CaughtSignals(const CaughtSignals&) = delete;
  CaughtSignals& operator=(const CaughtSignals&) = delete;

  int descriptor() const { return descriptor_; }
  void restore() const { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
  int descriptor_ = -1;
};

/// The life of a rank's process. It dies with its supervisor, also if that has died already.
[[noreturn]] void live_as_rank(const Switchboard& board, int rank, int spins, bool pinned,
                               pid_t supervisor, const CaughtSignals& signals,
                               const RankMain& rank_main) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(static_cast<int>(ErrorKind::kLiveRank));
  // Ctrl-C reaches all processes of a terminal at once; the supervisor ends the ranks in order.
  for (const int signal : kEndingSignals) ::signal(signal, SIG_IGN);
  signals.restore();
  if (pinned) pin_to_core_of(rank);
  flush_subnormals();
  board.map_all_pages();
  run_rank(board, rank, spins, rank_main);
  std::fflush(nullptr);
  const bool done = board.state(rank).farewell == RankState::Farewell::kDone;
  ::_exit(done ? 0 : static_cast<int>(ErrorKind::kLiveRank));
}

}  // namespace

ProcessGroup::ProcessGroup(const ProcessGroupOptions& options)
    : options_(options), board_(options.sizes) {
  if (options.stand_still_s < kShortestStandStill)
    throw Error(ErrorKind::kUsage,
                "a rank that stands still for less than 2 s may just have lost its core; got " +
                    std::to_string(options.stand_still_s) + " s");
}

void ProcessGroup::run(const RankMain& rank_main) {
  STEPCAST_CHECK(outcomes_.empty(), "run() is called once");
  const int spins = spins_for(board_.ranks(), static_cast<int>(usable_cores().size()));
  const pid_t self = ::getpid();
  const CaughtSignals signals;
  Supervisor supervisor(board_, options_);
  std::fflush(nullptr);  // what is buffered would be written by every rank again
  for (int rank = 0; rank < board_.ranks(); ++rank) {
    const pid_t process = ::fork();
    if (process == 0) live_as_rank(board_, rank, spins, options_.pinned, self, signals, rank_main);
    if (process < 0)
      throw Error(ErrorKind::kIo, "rank " + std::to_string(rank) +
                                      " can't be started: fork: " + std::strerror(errno));
    supervisor.add(process);
  }
  const bool done = supervisor.watch(signals.descriptor());
  outcomes_ = supervisor.outcomes();
  if (!done) throw Error(ErrorKind::kLiveRank, supervisor.failure());
}

}  // namespace stepcast
