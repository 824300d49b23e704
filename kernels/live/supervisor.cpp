#include "kernels/live/supervisor.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "kernels/live/core_clock.h"
#include "kernels/live/process_facts.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr int kPollMs = 50;

}  // namespace

Supervisor::Supervisor(const Switchboard& board, const ProcessGroupOptions& options)
    : board_(board),
      options_(options),
      heartbeats_(board, options.stand_still_s),
      oom_kills_before_(oom_kills()) {}

Supervisor::~Supervisor() {
  kill_all();
  for (const Process& process : processes_)
    if (process.handle >= 0) ::close(process.handle);
}

void Supervisor::add(pid_t process) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (handle < 0) {
    const int error = errno;
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
    throw Error(ErrorKind::kIo, std::string("pidfd_open: ") + std::strerror(error));
  }
  outcomes_.push_back({.rank = static_cast<int>(processes_.size()),
                       .process = process,
                       .ending = Ending::kEnded,
                       .status = 0,
                       .why = {},
                       .last_operation = {}});
  processes_.push_back({.pid = process, .handle = handle});
}

int Supervisor::running() const {
  int count = 0;
  for (const Process& process : processes_) count += process.handle >= 0 ? 1 : 0;
  return count;
}

bool Supervisor::watch(int signals) {
  while (running() > 0) {
    poll_once(signals, kPollMs);
    if (options_.meanwhile) options_.meanwhile();
    if (running() > 0 && failed_.empty() && trouble_.empty()) check_heartbeats();
    if (failed_.empty() && trouble_.empty()) continue;
    end_all();
    break;
  }
  return failed_.empty() && trouble_.empty();
}

/// Waits for an end or a signal, and takes note of it.
void Supervisor::poll_once(int signals, int timeout_ms) {
  std::vector<pollfd> polled = {{.fd = signals, .events = POLLIN, .revents = 0}};
  for (const Process& process : processes_)
    polled.push_back({.fd = process.handle, .events = POLLIN, .revents = 0});
  if (::poll(polled.data(), polled.size(), timeout_ms) <= 0) return;
  for (std::size_t rank = 0; rank < processes_.size(); ++rank)
    if (polled[rank + 1].revents != 0) reap(static_cast<int>(rank));
  signalfd_siginfo signal{};
  if (polled[0].revents != 0 && ::read(signals, &signal, sizeof signal) == sizeof signal &&
      trouble_.empty())
    trouble_ = "the live run was ended by " + signal_name(static_cast<int>(signal.ssi_signo));
}

void Supervisor::reap(int rank) {
  Process& process = processes_[static_cast<std::size_t>(rank)];
  RankOutcome& outcome = outcomes_[static_cast<std::size_t>(rank)];
  int status = 0;
  while (::waitpid(process.pid, &status, 0) < 0 && errno == EINTR) {
  }
  ::close(process.handle);
  process.handle = -1;
  const RankState& state = board_.state(rank);
  outcome.last_operation = state.last_operation();
  if (outcome.ending == Ending::kStoodStill) return;
  if (WIFSIGNALED(status)) {
    record_signal(outcome, WTERMSIG(status));
  } else if (state.farewell == RankState::Farewell::kDone && WEXITSTATUS(status) == 0) {
    outcome.ending = Ending::kDone;
  } else if (state.farewell == RankState::Farewell::kFailed) {
    outcome.ending = Ending::kFailed;
    outcome.why = state.why();
  } else if (state.farewell != RankState::Farewell::kAborted) {
    outcome.ending = Ending::kExited;
    outcome.status = WEXITSTATUS(status);
    outcome.why = "called exit(" + std::to_string(outcome.status) + ")";
  }
  if (outcome.ending != Ending::kDone && outcome.ending != Ending::kEnded) failed_.push_back(rank);
}

void Supervisor::record_signal(RankOutcome& outcome, int signal) const {
  if (ending_ && signal == SIGKILL) return;  // that was us
  outcome.ending = Ending::kSignalled;
  outcome.status = signal;
  outcome.why = killed_by(signal, oom_kills_before_);
}

void Supervisor::check_heartbeats() {
  std::vector<pid_t> alive;
  for (const Process& process : processes_) alive.push_back(process.handle >= 0 ? process.pid : 0);
  const auto verdict = heartbeats_.check(alive, wall_seconds());
  if (!verdict) return;
  if (verdict->rank < 0) {
    trouble_ = verdict->what;
    return;
  }
  RankOutcome& outcome = outcomes_[static_cast<std::size_t>(verdict->rank)];
  outcome.ending = Ending::kStoodStill;
  outcome.why = verdict->what;
  failed_.push_back(verdict->rank);
}

/// Asks first, so that ranks can leave by themselves; then kills.
void Supervisor::end_all() {
  ending_ = true;
  board_.abort();
  const double asked = wall_seconds();
  while (running() > 0 && wall_seconds() - asked < options_.grace_s) poll_once(-1, 5);
  kill_all();
}

void Supervisor::kill_all() {
  ending_ = true;
  // Through the handle, which never means another process that got the number since.
  for (const Process& process : processes_)
    if (process.handle >= 0) ::syscall(SYS_pidfd_send_signal, process.handle, SIGKILL, nullptr, 0);
  for (std::size_t rank = 0; rank < processes_.size(); ++rank)
    if (processes_[rank].handle >= 0) reap(static_cast<int>(rank));
}

std::string Supervisor::failure() const {
  std::string text = trouble_;
  for (const int rank : failed_) {
    const RankOutcome& outcome = outcomes_[static_cast<std::size_t>(rank)];
    if (!text.empty()) text += "; ";
    text += "rank " + std::to_string(rank) + " on " + host_name() + " (process " +
            std::to_string(outcome.process) + ") " +
            (outcome.ending == Ending::kFailed ? "failed: " : "") + outcome.why +
            (outcome.last_operation.empty() ? ", before its first operation"
                                            : ", in \"" + outcome.last_operation + '"');
  }
  return text;
}

}  // namespace stepcast
