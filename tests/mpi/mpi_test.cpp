// Ranks under mpirun, against ranks as threads of this process.
#include <gtest/gtest.h>

#include "kernels/live/thread_group.h"
#include "tests/mpi/exchange.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

/// OpenMPI's shared files go to a folder of ours, where nothing of them outlives the test.
ProgramRun run_mpi(int ranks, const std::vector<std::string>& arguments,
                   const std::string& folder) {
  std::vector<std::string> command = {STEPCAST_MPIRUN, "-n", std::to_string(ranks),
                                      STEPCAST_MPI_RANKS};
  command.insert(command.end(), arguments.begin(), arguments.end());
  RunOptions options;
  options.environment = {"OMPI_ALLOW_RUN_AS_ROOT=1",
                         "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                         "OMPI_MCA_rmaps_base_oversubscribe=1",
                         "OMPI_MCA_mpi_yield_when_idle=1",
                         "OMPI_MCA_btl_vader_backing_directory=" + folder,
                         "TMPDIR=" + folder};
  return run_program(command, options);
}

TEST(Mpi, GivesTheSameBitsAsSharedMemory) {
  const ScratchFolder folder;
  for (const int ranks : {2, 3, 4}) {
    ThreadGroup threads({.ranks = ranks, .mailbox_bytes = 1 << 20});
    threads.run(exchange);
    std::string expected;
    for (int rank = 0; rank < ranks; ++rank) expected += fingerprint(threads.kept(rank)) + "\n";
    const ProgramRun ran = run_mpi(ranks, {}, folder.root());
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_EQ(ran.out, expected);
  }
}

TEST(Mpi, AFailingRankEndsAllAndIsNamed) {
  const ScratchFolder folder;
  const ProgramRun ran = run_mpi(3, {"throw"}, folder.root());
  EXPECT_EQ(ran.exit_code, 7) << ran.err;
  EXPECT_NE(ran.err.find("rank 1 on "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("failed: a fault of its own, in \"the beginning\""), std::string::npos)
      << ran.err;
}

}  // namespace
}  // namespace stepcast
