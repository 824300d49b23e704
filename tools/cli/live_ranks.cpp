#include "tools/cli/live_ranks.h"

#include <cstdlib>

#include "sim/base/error.h"
#include "tools/cli/progress.h"

#ifdef STEPCAST_HAS_MPI
#include "kernels/mpi/mpi_gpus.h"
#include "kernels/mpi/mpi_live_run.h"
#include "kernels/mpi/rank_watch.h"
#endif

namespace stepcast::cli {
namespace {

/// What the driver takes for each further process on a GPU: some 500 MiB on an H100, rounded up
/// (assumed; a GPU's own figure is the used memory that nvidia-smi shows for an idle process).
constexpr Bytes kContext{std::int64_t{640} << 20};

class LocalRanks final : public LiveRanks {
 public:
  LiveOutcome run(const Job& job, const LiveOptions& options) override {
    Progress progress("steps");
    LiveOptions told = options;
    told.progress = [&](std::size_t done, std::size_t of) { progress.update(done, of); };
    return run_live(job, told);
  }
  /// The driver must not be started in this process, which will be forked.
  std::vector<GpusInSight> see_gpus(const Job& job) override {
    gpus_ = find_gpus(load_gpu_module());
    GpusInSight sight;
    for (const GpuState& gpu : gpus_) sight.gpus.push_back(gpu.name);
    return std::vector<GpusInSight>(job.ranks.size(), sight);
  }
  GpuRooms gpu_rooms(const GpuPlacement& placement) override {
    GpuRooms rooms{.by_rank = {}, .further_context = kContext};
    for (int rank = 0; rank < placement.ranks(); ++rank)
      rooms.by_rank.push_back(gpus_[static_cast<std::size_t>(placement.number(rank))].room);
    return rooms;
  }

 private:
  std::vector<GpuState> gpus_;
};

bool started_by_mpi() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(variable) != nullptr) return true;
  return false;
}

#ifdef STEPCAST_HAS_MPI

class MpiRanks final : public LiveRanks {
 public:
  explicit MpiRanks(double stand_still_s) : stand_still_s_(stand_still_s) {}

  std::optional<int> look_after(const Job& job, const LiveOptions& options,
                                const LastWords& last_words) override {
    witness_.emplace(static_cast<int>(job.ranks.size()), room_to_keep(job, options));
    const auto say = [&](const std::string& failure) {
      last_words(outcome_of(*witness_, failure), witness_->device());
    };
    looks_after_ = true;
    if (const auto code = watch_rank(*witness_, stand_still_s_, say)) return code;
    looks_after_ = false;
    group_.emplace(*witness_, stand_still_s_);
    group_->go_on();
    return std::nullopt;
  }
  void check_agreement(const Job& job, const LiveOptions& options,
                       const std::string& choices) override {
    stepcast::check_agreement(*group_, job, options, choices, STEPCAST_VERSION);
  }
  int end(const Failure& failure) override {
    if (group_) return group_->leave(failure.text, failure.kind);
    return looks_after_ ? LiveRanks::end(failure) : leave_unjoined(failure.text, failure.kind);
  }
  void computes_on(const std::string& device) override { witness_->set_device(device); }

  LiveOutcome run(const Job& job, const LiveOptions& options) override {
    return run_live_over_mpi(*group_, *witness_, job, options);
  }
  bool speaks() const override { return group_->rank() == 0; }
  bool on_this_machine() const override { return false; }
  bool agree(bool said) override { return group_->said_by_first(said); }
  std::vector<GpusInSight> see_gpus(const Job&) override { return stepcast::see_gpus(*group_); }
  GpuRooms gpu_rooms(const GpuPlacement& placement) override {
    return {.by_rank = rooms_of_ranks(*group_, placement)};
  }

 private:
  double stand_still_s_;
  bool looks_after_ = false;  ///< this process is not the rank
  std::optional<RankWitness> witness_;
  std::optional<MpiGroup> group_;
};

std::unique_ptr<LiveRanks> mpi_ranks(double stand_still_s) {
  return std::make_unique<MpiRanks>(stand_still_s);
}

#else

std::unique_ptr<LiveRanks> mpi_ranks(double) {
  throw Error(ErrorKind::kUnsupported,
              "mpirun started this process, and this build has no MPI: build it where CMake finds "
              "MPI, or train on this machine alone with --local");
}

#endif

}  // namespace

std::unique_ptr<LiveRanks> live_ranks(bool local, double stand_still_s) {
  if (local || !started_by_mpi()) return std::make_unique<LocalRanks>();
  return mpi_ranks(stand_still_s);
}

}  // namespace stepcast::cli
