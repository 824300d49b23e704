#include "kernels/mpi/mpi_group.h"

#include <mpi.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <numeric>
#include <utility>

#include "kernels/live/process_facts.h"
#include "kernels/live/rank_main.h"
#include "kernels/mpi/mpi_communicator.h"
#include "kernels/mpi/mpi_kept.h"
#include "kernels/mpi/mpi_pulse.h"
#include "kernels/mpi/rank_watch.h"
#include "kernels/mpi/rank_witness.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

class MpiRankContext final : public RankContext {
 public:
  MpiRankContext(int rank, int ranks, MpiPulse& pulse, MpiKept& kept)
      : rank_(rank), ranks_(ranks), pulse_(pulse), kept_(kept) {}
  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  std::unique_ptr<Communicator> communicator(std::vector<int> members,
                                             std::uint32_t group) override {
    return std::make_unique<MpiCommunicator>(std::move(members), group, pulse_);
  }
  void begin_operation(std::string_view what) override { pulse_.begin_operation(what); }
  void keep(std::span<const std::byte> bytes) override { kept_.keep(bytes); }

 private:
  int rank_, ranks_;
  MpiPulse& pulse_;
  MpiKept& kept_;
};

/// The lowest rank of the node of each rank.
std::vector<int> nodes_of_ranks(int rank, int ranks) {
  MPI_Comm node = MPI_COMM_NULL;
  check_mpi(MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node),
            "MPI_Comm_split_type");
  int lowest = rank;
  check_mpi(MPI_Bcast(&lowest, 1, MPI_INT, 0, node), "MPI_Bcast");
  MPI_Comm_free(&node);
  std::vector<int> nodes(static_cast<std::size_t>(ranks));
  check_mpi(MPI_Allgather(&lowest, 1, MPI_INT, nodes.data(), 1, MPI_INT, MPI_COMM_WORLD),
            "MPI_Allgather");
  return nodes;
}

/// OpenMPI's memory for the ranks of a node is files, of which each rank makes one: by its maps,
/// "/dev/shm/vader_segment.HOST.USER.JOB." without the rank; "sm_segment" since OpenMPI 5. Empty
/// where it has none.
std::string begin_of_shared_files() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::size_t path = line.find('/');
    if (path == std::string::npos) continue;
    for (const char* name : {"/vader_segment.", "/sm_segment."})
      if (line.find(name, path) != std::string::npos)
        return line.substr(path, line.rfind('.') + 1 - path);
  }
  return "";
}

volatile std::sig_atomic_t end_signal = 0;
volatile pid_t parent = 0;

void remember(int signal) {
  end_signal = signal;
  if (::getppid() != parent) ::alarm(kLongestWordsS);
}

/// To end ranks mpirun sends SIGCONT, SIGTERM a second later, and SIGKILL after another second; or
/// each as soon as one more of them has gone (OpenMPI 4.1). Rank 0 needs that time; so the others
/// stay until SIGKILL.
class EndSignal {
 public:
  explicit EndSignal(int rank) {
    end_signal = 0;
    before_ = std::signal(SIGTERM, rank == 0 ? remember : SIG_IGN);
  }
  /// Rank 0 may have much to say after a failure, and is told to end meanwhile, or again.
  ~EndSignal() {
    if (std::uncaught_exceptions() == 0) std::signal(SIGTERM, before_);
  }
  EndSignal(const EndSignal&) = delete;
  EndSignal& operator=(const EndSignal&) = delete;

 private:
  void (*before_)(int) = SIG_DFL;
};

}  // namespace

MpiGroup::MpiGroup(const RankWitness& witness, double stand_still_s) : witness_(witness) {
  check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
  witness_.set_rank(rank_);
  witness_.set_shared_files(begin_of_shared_files());
  meet({});
  if (end_) return;
  // A rank does not outlive the process that looks after it (rank_watch.h), but rank 0 is told.
  parent = ::getppid();
  if (rank_ == 0) ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  nodes_ = nodes_of_ranks(rank_, ranks_);
  pulse_ = std::make_unique<MpiPulse>(stand_still_s, witness_.state());
  pulse_->end_on(end_signal);
  kept_ = std::make_unique<MpiKept>(witness_);
}

MpiGroup::~MpiGroup() {
  if (failed_) {
    // While mpirun ends ranks it sleeps, and MPI_Abort would wait for it.
    if (end_signal != 0) {
      std::fflush(nullptr);
      ::_exit(static_cast<int>(ErrorKind::kLiveRank));
    }
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ErrorKind::kLiveRank));
  }
  if (std::uncaught_exceptions() > 0)
    leave("it ended by an exception", ErrorKind::kLiveRank);
  else if (!end_)
    meet({.state = RankWord::State::kDone});
  kept_.reset();
  pulse_.reset();
  MPI_Finalize();
}

void MpiGroup::run(const RankMain& rank_main) {
  flush_subnormals();
  go_on();
  const EndSignal heed(rank_);
  pulse_->begin();
  kept_->begin();
  witness_.set_running(true);
  MpiRankContext context(rank_, ranks_, *pulse_, *kept_);
  std::vector<int> all(static_cast<std::size_t>(ranks_));
  std::iota(all.begin(), all.end(), 0);
  const RankEnd end = call_rank_main(context, [&](RankContext& own) {
    const int code = rank_main(own);
    if (code == 0) pulse_->meet(all);
    return code;
  });
  if (!end.done) fail(end);
  pulse_->end();
  kept_->finish();
  witness_.set_running(false);
}

void MpiGroup::fail(const RankEnd& end) {
  const std::string what = "rank " + std::to_string(rank_) + " on " + host(rank_) +
                           (end.by_live_error ? " ends the run: " : " failed: ") + end.why +
                           ", in \"" + pulse_->operation() + '"';
  std::fprintf(stderr, "%s\n", what.c_str());
  failed_ = true;
  witness_.set_running(false);
  if (rank_ != 0) MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ErrorKind::kLiveRank));
  // Too late: the process that looks after this one speaks, and ends it.
  while (!witness_.claim_last_words()) ::pause();
  kept_->take();
  throw Error(ErrorKind::kLiveRank, what);
}

const std::string& MpiGroup::host(int rank) const { return pulse_->host(rank); }

void MpiGroup::meet(const RankWord& mine) {
  end_ = end_of(meet_all(mine));
  if (end_ && rank_ == 0) std::fprintf(stderr, "%s\n", end_->text.c_str());
}

void MpiGroup::go_on() {
  if (!end_) meet({});
  if (end_) throw Error(ErrorKind::kLiveRank, end_->text);
}

int MpiGroup::leave(const std::string& why, ErrorKind kind) {
  witness_.set_running(false);
  if (failed_) return static_cast<int>(ErrorKind::kLiveRank);  // it has said so itself
  if (!end_)
    meet({.state = RankWord::State::kFailed, .kind = kind, .host = host_name(), .why = why});
  return static_cast<int>(end_->kind);
}

int leave_unjoined(const std::string& why, ErrorKind kind) {
  int rank = 0, joined = 0;
  MPI_Initialized(&joined);
  if (joined != 0) {
    std::fprintf(stderr, "%s\n", why.c_str());
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ErrorKind::kLiveRank));
  }
  check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  const auto end = end_of(
      meet_all({.state = RankWord::State::kFailed, .kind = kind, .host = host_name(), .why = why}));
  if (rank == 0) std::fprintf(stderr, "%s\n", end->text.c_str());
  MPI_Finalize();
  return static_cast<int>(end->kind);
}

bool MpiGroup::said_by_first(bool said) {
  go_on();
  int value = said ? 1 : 0;
  check_mpi(MPI_Bcast(&value, 1, MPI_INT, 0, MPI_COMM_WORLD), "MPI_Bcast");
  return value != 0;
}

}  // namespace stepcast
