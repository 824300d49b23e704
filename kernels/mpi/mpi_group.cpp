#include "kernels/mpi/mpi_group.h"

#include <mpi.h>

#include <cstdio>
#include <numeric>
#include <string>

#include "kernels/live/rank_main.h"
#include "kernels/mpi/mpi_communicator.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

class MpiRankContext final : public RankContext {
 public:
  MpiRankContext(int rank, int ranks) : rank_(rank), ranks_(ranks) {}
  int rank() const override { return rank_; }
  int ranks() const override { return ranks_; }
  std::unique_ptr<Communicator> communicator(std::vector<int> members,
                                             std::uint32_t group) override {
    return std::make_unique<MpiCommunicator>(members, group);
  }
  void begin_operation(std::string_view what) override { operation_ = what; }
  void keep(std::span<const std::byte> bytes) override {
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
  }

  const std::string& operation() const { return operation_; }
  const std::vector<std::byte>& kept() const { return kept_; }

 private:
  int rank_, ranks_;
  std::string operation_;
  std::vector<std::byte> kept_;
};

std::string host_name() {
  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  MPI_Get_processor_name(name, &length);
  return std::string(name, static_cast<std::size_t>(length));
}

}  // namespace

MpiGroup::MpiGroup() {
  check_mpi(MPI_Init(nullptr, nullptr), "MPI_Init");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks_);
}

MpiGroup::~MpiGroup() { MPI_Finalize(); }

void MpiGroup::run(const RankMain& rank_main) {
  flush_subnormals();
  MpiRankContext context(rank_, ranks_);
  const RankEnd end = call_rank_main(context, rank_main);
  if (!end.done) {
    std::fprintf(stderr, "rank %d on %s failed: %s, in \"%s\"\n", rank_, host_name().c_str(),
                 end.why.c_str(), context.operation().c_str());
    MPI_Abort(MPI_COMM_WORLD, static_cast<int>(ErrorKind::kLiveRank));
  }
  gather(context.kept());
}

void MpiGroup::gather(const std::vector<std::byte>& mine) {
  const int count = static_cast<int>(mine.size());
  kept_counts_.assign(static_cast<std::size_t>(ranks_), 0);
  check_mpi(MPI_Gather(&count, 1, MPI_INT, kept_counts_.data(), 1, MPI_INT, 0, MPI_COMM_WORLD),
            "MPI_Gather");
  std::vector<int> begins(kept_counts_.size(), 0);
  std::exclusive_scan(kept_counts_.begin(), kept_counts_.end(), begins.begin(), 0);
  kept_.resize(static_cast<std::size_t>(begins.back() + kept_counts_.back()));
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
