// Runs the built stepcast (or any program) as a user would, and says what came of it.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace stepcast {

struct ProgramRun {
  int exit_code = -1;  ///< 128 + signal when it was killed, as shells say it
  std::string out;     ///< standard output
  std::string err;     ///< standard error
  bool timed_out = false;
};

struct RunOptions {
  std::string folder = {};                    ///< where it runs; empty: here
  std::vector<std::string> environment = {};  ///< "LANG=de_DE.UTF-8", on top of ours
  std::string out_to = {};                    ///< path opened as standard output; "-": closed
  /// Then it is killed: it hangs. No test is about time, and machines that run tests are busy.
  std::chrono::seconds limit{300};
};

/// `arguments[0]` is the program's path.
ProgramRun run_program(const std::vector<std::string>& arguments, const RunOptions& options = {});

}  // namespace stepcast
