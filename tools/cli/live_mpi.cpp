#include "tools/cli/live_mpi.h"

#include <cstdlib>

#include "sim/base/error.h"

#ifdef STEPCAST_HAS_MPI
#include "kernels/mpi/mpi_live_run.h"
#endif

namespace stepcast::cli {
namespace {

class LocalRanks final : public LiveRanks {
 public:
  LiveOutcome run(const Job& job, const LiveOptions& options) override {
    return run_live(job, options);
  }
};

bool started_by_mpi() {
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"})
    if (std::getenv(variable) != nullptr) return true;
  return false;
}

#ifdef STEPCAST_HAS_MPI

class MpiRanks final : public LiveRanks {
 public:
  explicit MpiRanks(double stand_still_s) : group_(stand_still_s) {}
  LiveOutcome run(const Job& job, const LiveOptions& options) override {
    return run_live_over_mpi(group_, job, options, STEPCAST_VERSION);
  }
  bool speaks() const override { return group_.rank() == 0; }
  bool on_this_machine() const override { return false; }
  bool agree(bool said) override { return group_.said_by_first(said); }

 private:
  MpiGroup group_;
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
