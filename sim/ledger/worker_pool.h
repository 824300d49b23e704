// Spreads independent pieces of work over processes. Processes and not threads, because the engine
// (SimGrid) allows one simulation per process; and because a piece that crashes then takes one
// worker with it and not the table.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace stepcast {

struct WorkerPoolOptions {
  int workers = 0;  ///< processes; 0: one per core
  /// Called in the parent after each finished piece.
  std::function<void(std::size_t done, std::size_t total)> progress;
};

/// What became of one piece of work.
struct WorkResult {
  std::string bytes;  ///< what the function returned
  std::string
      failure;  ///< empty: it returned; else why not ("killed by signal 11 (Segmentation fault)")

  bool ok() const { return failure.empty(); }
};

/// Calls work(i) for i = 0 .. count - 1, each once, in forked copies of this process: they see
/// everything that was prepared before the call, and give back nothing but the bytes. Pieces are
/// handed out as workers become free; results come in the order of i and do not depend on how many
/// workers there are. An exception inside work(i) is a failure with its what(); a crash is a
/// failure with its signal, and a fresh worker goes on with the rest. The calling process should
/// have no other threads. Throws Error(kIo) when no process can be made.
std::vector<WorkResult> map_in_workers(std::size_t count,
                                       const std::function<std::string(std::size_t)>& work,
                                       const WorkerPoolOptions& options = {});

}  // namespace stepcast
