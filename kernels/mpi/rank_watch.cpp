#include "kernels/mpi/rank_watch.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "kernels/live/core_clock.h"
#include "kernels/live/process_facts.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr int kFailed = static_cast<int>(ErrorKind::kLiveRank);
constexpr int kPollMs = 100;
/// For rank 0 to leave by itself. mpirun gives a second or two in all (odls_base_sigkill_timeout).
constexpr double kGrace = 0.5;

/// As launchers say it before MPI does; -1: not said.
int rank_by_environment() {
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"})
    if (const char* const text = std::getenv(name)) return std::atoi(text);
  return -1;
}

/// Signals by which mpirun and terminals end processes. mpirun sends SIGCONT first, for the sake of
/// stopped ones, and SIGTERM a second later (OpenMPI 4.1; odls_base_sigkill_timeout).
sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCONT}) ::sigaddset(&set, signal);
  return set;
}

/// A descriptor to look after `child` by; without one the child is ended, and Error(kIo) thrown.
int required(int descriptor, const char* call, pid_t child) {
  if (descriptor >= 0) return descriptor;
  const int error = errno;
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  throw Error(ErrorKind::kIo, std::string("a rank can't be looked after: ") + call + ": " +
                                  std::strerror(error) + "; Linux 5.3 or later is needed");
}

/// A rank's process, seen by the one that looks after it.
class Watch {
 public:
  Watch(const RankWitness& witness, double stand_still_s, const LastWords& last_words, pid_t child,
        int signals)
      : witness_(witness),
        stand_still_s_(stand_still_s),
        last_words_(last_words),
        child_(child),
        handle_(
            required(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)), "pidfd_open", child)),
        signals_(signals),
        mpirun_(::getppid()),
        oom_kills_before_(oom_kills()) {}
  ~Watch() { ::close(handle_); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  int until_it_ends() {
    for (;;) {
      std::array<pollfd, 2> polled = {{{.fd = handle_, .events = POLLIN, .revents = 0},
                                       {.fd = signals_, .events = POLLIN, .revents = 0}}};
      ::poll(polled.data(), polled.size(), kPollMs);
      if (polled[1].revents != 0) pass_on_signal();
      if (polled[0].revents != 0) return ended(reap());
      if (ending_at_ > 0) {
        if (leaves_too_late()) return kill_and_say(ending_text());
        if (outlives_mpirun()) return kill_child();
      } else if (const std::string why = why_it_stands_still(); !why.empty()) {
        return kill_and_say(named(why));
      }
    }
  }

 private:
  void send(int signal) const { ::syscall(SYS_pidfd_send_signal, handle_, signal, nullptr, 0); }

  /// Whoever was stopped (Ctrl-Z) goes on after SIGCONT.
  bool ends(const signalfd_siginfo& signal) const {
    return signal.ssi_signo != SIGCONT ||
           (static_cast<pid_t>(signal.ssi_pid) == mpirun_ && !was_absent());
  }

  /// mpirun may have sent it to this process alone.
  void pass_on_signal() {
    signalfd_siginfo signal{};
    if (::read(signals_, &signal, sizeof signal) != sizeof signal || !ends(signal)) return;
    if (ending_at_ == 0) ending_at_ = wall_seconds();
    send(SIGTERM);
    remove_shared_files();  // in time: SIGKILL may follow
  }

  /// Of all ranks of this node. Who has them open goes on undisturbed.
  void remove_shared_files() const {
    namespace fs = std::filesystem;
    const fs::path begin = witness_.shared_files();
    if (begin.empty()) return;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(begin.parent_path(), ignored))
      if (entry.path().filename().string().starts_with(begin.filename().string()))
        fs::remove(entry.path(), ignored);
  }

  /// Nobody else would end it then.
  bool outlives_mpirun() const {
    return ::getppid() != mpirun_ &&
           (witness_.rank() != 0 || wall_seconds() - ending_at_ > kLongestWordsS);
  }

  bool leaves_too_late() {
    return witness_.rank() == 0 && witness_.running() && wall_seconds() - ending_at_ > kGrace &&
           speaks();
  }

  std::string ending_text() const {
    return "mpirun ends all ranks, as it does when one has ended early or when it is ended "
           "itself; " +
           named("was ended with them");
  }

  /// "rank 1 on a (process 7) was killed, in "send"".
  std::string named(const std::string& what) const {
    const int rank = witness_.rank();
    const std::string operation = witness_.state().last_operation();
    return (rank < 0 ? "a rank" : "rank " + std::to_string(rank)) + " on " + host_name() +
           " (process " + std::to_string(child_) + ") " + what +
           (operation.empty() ? ", before its first operation" : ", in \"" + operation + '"');
  }

  /// Since the last look.
  double absence() const { return checked_at_ > 0 ? wall_seconds() - checked_at_ : 0; }
  bool was_absent() const { return absence() > kLongestAbsenceS; }

  std::string why_it_stands_still() {
    const double now = wall_seconds(), away = absence();
    checked_at_ = now;
    const std::uint64_t beats = witness_.state().heartbeat;
    if (beats != beats_ || !witness_.running() || beat_at_ == 0) beat_at_ = now;
    if (!is_stopped(child_)) went_at_ = now;
    beats_ = beats;
    if (away > kLongestAbsenceS) {
      beat_at_ += away;
      went_at_ += away;
    }
    if (const double stopped = now - went_at_; stopped >= stand_still_s_)
      return stopped_for(stopped);
    if (const double still = now - beat_at_; still >= 2 * stand_still_s_) return silent_for(still);
    return "";
  }

  int reap() const {
    int status = 0;
    while (::waitpid(child_, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
  }

  int kill_child() {
    send(SIGKILL);
    reap();
    remove_shared_files();
    return kFailed;
  }

  int kill_and_say(const std::string& failure) {
    kill_child();
    say(failure);
    return kFailed;
  }

  int ended(int status) {
    if (status != 0) remove_shared_files();
    if (!WIFSIGNALED(status)) return WEXITSTATUS(status);
    if (ending_at_ == 0)
      say(named(killed_by(WTERMSIG(status), oom_kills_before_)));
    else if (witness_.rank() == 0 && has_begun() && speaks())
      say(ending_text());
    return kFailed;
  }

  /// Otherwise ranks have been refused, which they say themselves.
  bool has_begun() const { return witness_.running() || !witness_.kept(0).empty(); }

  /// False: the rank has begun to say its last words itself.
  bool speaks() { return speaks_ = speaks_ || witness_.claim_last_words(); }

  void say(const std::string& failure) {
    std::fprintf(stderr, "%s\n", failure.c_str());
    if (witness_.rank() == 0 && speaks()) last_words_(failure);
  }

  const RankWitness& witness_;
  double stand_still_s_;
  const LastWords& last_words_;
  pid_t child_;
  int handle_, signals_;
  pid_t mpirun_;
  long oom_kills_before_;
  bool speaks_ = false;
  double ending_at_ = 0, checked_at_ = 0, beat_at_ = 0, went_at_ = wall_seconds();
  std::uint64_t beats_ = 0;
};

}  // namespace

std::optional<int> watch_rank(const RankWitness& witness, double stand_still_s,
                              const LastWords& last_words) {
  const sigset_t ending = ending_signals();
  sigset_t before;
  ::sigprocmask(SIG_BLOCK, &ending, &before);
  // mpirun, or its daemon, starts the processes of a node itself: they do not outlive it.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  witness.set_rank(rank_by_environment());
  std::fflush(nullptr);  // what is buffered would be written by both
  const pid_t self = ::getpid(), child = ::fork();
  if (child < 0)
    throw Error(ErrorKind::kIo,
                std::string("no process for a rank: fork: ") + std::strerror(errno));
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != self) ::_exit(kFailed);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    return std::nullopt;
  }
  const int signals =
      required(::signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK), "signalfd", child);
  const int code = Watch(witness, stand_still_s, last_words, child, signals).until_it_ends();
  ::close(signals);
  return code;
}

}  // namespace stepcast
