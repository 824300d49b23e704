// stepcast collective --live: the table of nccl-tests, measured between ranks of this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace stepcast::cli {

struct LiveSweep {
  bool live = false;
  int ranks = 2;
  int rounds = 20;
  int iterations = 20;
  std::string profile;  ///< file of a network profile to write; empty: a table of one operation
};

/// Declares --live and what only it has. Returns --live, for the caller to exclude other options.
CLI::Option* add_live_options(CLI::App& app, LiveSweep& sweep);

/// Measures and prints. Returns the exit code. Throws Error(kLiveRank) when a rank fails.
int run_live_sweep(const LiveSweep& sweep, const std::string& op,
                   const std::vector<std::int64_t>& sizes, bool json);

}  // namespace stepcast::cli
