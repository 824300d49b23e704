// The memory of one rank: one block, from which buffers are taken and to which they are given back
// in the order of the program's ops, as sim/memory walks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace stepcast {

/// Where buffers lie, by first fit; deterministic. Sizes are rounded up to kRounding, as
/// walk_memory() does by default.
class ArenaPlacement {
 public:
  static constexpr std::int64_t kRounding = 512;
  static std::int64_t rounded(Bytes size);

  std::int64_t take(Bytes size);  ///< its offset
  void give_back(std::int64_t offset, Bytes size);

  Bytes live() const { return Bytes(live_); }
  Bytes peak() const { return Bytes(peak_); }    ///< most bytes alive at a time
  Bytes reach() const { return Bytes(reach_); }  ///< highest address: peak and gaps

 private:
  std::map<std::int64_t, std::int64_t> gaps_;  ///< offset -> size, below reach_
  std::int64_t live_ = 0, peak_ = 0, reach_ = 0;
};

/// Bytes of a block in which all calls of the program find room.
Bytes arena_size(const Program& program);

/// The block, touched once so that no step pays for first use, and the buffers in it.
class Arena {
 public:
  /// Takes the resident buffers. Throws Error(kInfeasible) when the system has not that much
  /// memory.
  explicit Arena(const Program& program);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  void alloc(BufferId buffer, std::uint32_t microbatch);
  void free(BufferId buffer, std::uint32_t microbatch);
  /// Of a buffer that is alive.
  std::byte* at(BufferId buffer, std::uint32_t microbatch) const;

  Bytes peak() const { return placement_.peak(); }
  Bytes size() const { return size_; }

 private:
  std::int64_t& offset(BufferId buffer, std::uint32_t microbatch);

  const Program& program_;
  Bytes size_;
  std::byte* memory_ = nullptr;
  ArenaPlacement placement_;
  std::vector<std::vector<std::int64_t>> offsets_;  ///< by buffer, by instance; -1: not alive
};

}  // namespace stepcast
