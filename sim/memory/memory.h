// Memory of a rank: a walk over alloc and free in the order of issue. Live bytes by category, the
// peak, and which op and buffers make it.
//
// What a block takes and gives back is the same in every call, so each block is summed up once and
// a step of a million ops is walked call by call.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

using BytesByCategory = std::array<Bytes, kNumBufferCategories>;

struct PeakMemory {
  Bytes total;               ///< tensors alive at the peak
  BytesByCategory at_peak;   ///< by BufferCategory; adds up to total
  BytesByCategory resident;  ///< of resident buffers, alive all the time ("static")
  Bytes resident_total;
  std::uint32_t call = 0;  ///< where the peak is first reached
  std::uint32_t op = 0;
  std::string cause;  ///< "backward.chunk0, microbatch 3: alloc logits", or "resident buffers"
  /// Buffers alive at the peak, summed over microbatches and over layers ("layer*.attention.qkv"):
  /// the kLargest largest, largest first, then by name.
  std::vector<std::pair<std::string, Bytes>> largest;
  static constexpr std::size_t kLargest = 12;
};

/// Sizes are rounded up to multiples of `rounding` (the caching allocator's 512 bytes). The program
/// must have passed verify(). Throws Error(kInfeasible) when the sum leaves 63 bits.
PeakMemory walk_memory(const Program& program, Bytes rounding = Bytes{512});

/// Live bytes after each call, for the trace's counter.
std::vector<Bytes> memory_by_call(const Program& program, Bytes rounding = Bytes{512});

}  // namespace stepcast
