#include "kernels/mpi/mpi_group.h"

#include <mpi.h>
#include <sys/prctl.h>

#include <csignal>
#include <cstdio>
#include <numeric>
#include <utility>

#include "kernels/live/rank_main.h"
#include "kernels/mpi/mpi_communicator.h"
#include "kernels/mpi/mpi_pulse.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

class MpiRankContext final : public RankContext {
 public:
  MpiRankContext(int rank, int ranks, MpiPulse& pulse)
      : rank_(rank), ranks_(ranks), pulse_(pulse) {}
  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  std::unique_ptr<Communicator> communicator(std::vector<int> members,
                                             std::uint32_t group) override {
    return std::make_unique<MpiCommunicator>(std::move(members), group, pulse_);
  }
  void begin_operation(std::string_view what) override { pulse_.begin_operation(what); }
  void keep(std::span<const std::byte> bytes) override {
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  }

  const std::vector<std::byte>& kept() const { return kept_; }

 private:
  int rank_, ranks_;
  MpiPulse& pulse_;
  std::vector<std::byte> kept_;
};

}  // namespace

MpiGroup::MpiGroup(double stand_still_s) {
  // mpirun starts the ranks of its node itself: they do not outlive it.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
  pulse_ = std::make_unique<MpiPulse>(stand_still_s);
}

MpiGroup::~MpiGroup() {
  pulse_.reset();
  MPI_Finalize();
}

void MpiGroup::run(const RankMain& rank_main) {
  flush_subnormals();
  MpiRankContext context(rank_, ranks_, *pulse_);
  std::vector<int> all(static_cast<std::size_t>(ranks_));
  std::iota(all.begin(), all.end(), 0);
  const RankEnd end = call_rank_main(context, [&](RankContext& own) {
    const int code = rank_main(own);
    if (code == 0) pulse_->meet(all);
    return code;
  });
  if (!end.done) {
    std::fprintf(stderr, "rank %d on %s %s: %s, in \"%s\"\n", rank_, pulse_->host(rank_).c_str(),
                 end.by_live_error ? "ends the run" : "failed", end.why.c_str(),
                 pulse_->operation().c_str());
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ErrorKind::kLiveRank));
  }
  pulse_->end();
  gather(context.kept());
}

void MpiGroup::gather(const std::vector<std::byte>& mine) {
  const int count = static_cast<int>(mine.size());
  kept_counts_.assign(static_cast<std::size_t>(ranks_), 0);
  check_mpi(MPI_Gather(&count, 1, MPI_INT, kept_counts_.data(), 1, MPI_INT, 0, MPI_COMM_WORLD),
            "MPI_Gather");
  std::vector<int> begins(kept_counts_.size(), 0);
  std::exclusive_scan(kept_counts_.begin(), kept_counts_.end(), begins.begin(), 0);
  kept_.resize(static_cast<std::size_t>(begins.back()) +
               static_cast<std::size_t>(kept_counts_.back()));
  check_mpi(MPI_Gatherv(mine.data(), count, MPI_BYTE, kept_.data(), kept_counts_.data(),
                        begins.data(), MPI_BYTE, 0, MPI_COMM_WORLD),
            "MPI_Gatherv");
}

std::span<const std::byte> MpiGroup::kept(int rank) const {
  const auto end = kept_counts_.begin() + rank;
  return std::span(kept_).subspan(
      static_cast<std::size_t>(std::accumulate(kept_counts_.begin(), end, 0)),
      static_cast<std::size_t>(*end));
}

}  // namespace stepcast
