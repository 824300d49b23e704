// What outlives a rank that is killed: memory that it shares with the process that looks after it
// (rank_watch.h). There it says who it is and what it does, and rank 0 lays down what all ranks
// kept.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "kernels/live/shared_memory.h"
#include "kernels/live/switchboard.h"

namespace stepcast {

class RankWitness {
 public:
  /// To be made before the rank's process. `kept_bytes` for each of `ranks`: address space only,
  /// until it is used.
  RankWitness(int ranks, std::size_t kept_bytes);

  void set_rank(int rank) const { page().rank = rank; }
  int rank() const { return page().rank; }  ///< -1: not known yet
  /// Operations and signs of life.
  RankState& state() const { return page().state; }
  /// The rank is between the begin and the end of a run, and shows signs of life.
  void set_running(bool running) const { page().running = running; }
  bool running() const { return page().running; }
  /// Of the two processes one alone says how the run ended: the first that calls this. True for it.
  bool claim_last_words() const { return !page().claimed.exchange(true); }
  /// What the ranks compute on, for the last words.
  void set_device(std::string_view name) const;
  std::string device() const;

  /// Names of files in memory that MPI leaves when a rank of this node is killed begin so.
  void set_shared_files(std::string_view begin_of_paths) const;
  std::string shared_files() const;

  /// What ranks keep; read by whoever is left.
  void forget_kept() const;
  /// Throws Error(kLiveRank) when there is no more room.
  void keep(int rank, std::span<const std::byte> bytes) const;
  /// Whole pieces only, whenever the rank died.
  std::span<const std::byte> kept(int rank) const;
  int ranks() const { return ranks_; }

 private:
  struct Page {
    std::atomic<std::int32_t> rank;
    std::atomic<bool> running, claimed;
    char device[128], shared_files[256];
    RankState state;
  };
  Page& page() const { return *reinterpret_cast<Page*>(page_.data()); }
  std::atomic<std::uint64_t>& bytes_of(int rank) const;
  std::span<std::byte> room_of(int rank) const;

  int ranks_;
  std::size_t kept_bytes_;
  SharedMemory page_;
  SharedMemory kept_;  ///< by rank: how many bytes, and room for them
};

}  // namespace stepcast
