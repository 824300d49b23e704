// Programs under mpirun, on this machine.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "sim/base/json_fields.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {

/// OpenMPI's shared files go to a folder of ours, where nothing of them outlives the test.
inline RunOptions environment(const std::string& folder) {
  RunOptions options;
  options.environment = {
      "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
      "OMPI_MCA_rmaps_base_oversubscribe=1", "OMPI_MCA_mpi_yield_when_idle=1",
      "OMPI_MCA_odls_base_sigkill_timeout=2",  // machines that run tests are busy
      // Daemons that write their topology into a hole of their memory crash at times.
      "OMPI_MCA_rtc_hwloc_vmhole=none", "OMPI_MCA_btl_vader_backing_directory=" + folder,
      "TMPDIR=" + folder};
  return options;
}

inline ProgramRun run_mpi(const std::vector<std::string>& arguments, const std::string& folder) {
  std::vector<std::string> command = {STEPCAST_MPIRUN};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return run_program(command, environment(folder));
}

inline std::vector<double> losses_of(const ProgramRun& ran) {
  EXPECT_EQ(ran.exit_code, 0) << ran.err;
  const JsonDocument document = parse_json(ran.out, "stdout");
  std::vector<double> losses;
  for (const JsonValue& loss : document.root().member("losses")->elements())
    losses.push_back(*loss.as_number());
  return losses;
}

inline std::vector<std::string> joined(std::vector<std::string> a,
                                       const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// What makes mpirun believe that this machine is two nodes with `slots` ranks each, which it
/// reaches by a remote shell: daemons of its own start ranks, and these share no memory. Each has a
/// folder of its own: daemons that make their folders in one at the same time may fail.
inline std::vector<std::string> two_nodes(const ScratchFolder& folder, int slots = 1) {
  const std::string shell =
      folder.write("remote_shell",
                   "#!/bin/sh\nexport TMPDIR=\"$TMPDIR/$1\"\nmkdir -p \"$TMPDIR\"\nshift\n"
                   "exec sh -c \"$*\"\n");
  std::filesystem::permissions(shell, std::filesystem::perms::owner_all);
  const std::string each = ":" + std::to_string(slots);
  return {"--mca", "plm_rsh_agent", shell, "--host", "first" + each + ",second" + each};
}

/// Of the files that OpenMPI's ranks share as memory.
inline void expect_no_memory_left(const ScratchFolder& folder) {
  for (const auto& entry : std::filesystem::directory_iterator(folder.root()))
    EXPECT_EQ(entry.path().filename().string().find("_segment."), std::string::npos)
        << entry.path();
}

/// A shipped one.
inline std::string scenario(const std::string& name) {
  return std::string(STEPCAST_SOURCE_DIR) + "/scenarios/" + name + ".json";
}

}  // namespace stepcast
