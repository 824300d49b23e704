// Memory of a rank: a walk over alloc and free in the order of issue. Live bytes by category, the peak,
// and which op and buffers make it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

using BytesByCategory = std::array<Bytes, kNumBufferCategories>;

struct PeakMemory {
  Bytes total;                  ///< tensors alive at the peak
  BytesByCategory at_peak;      ///< by BufferCategory; adds up to total
  BytesByCategory resident;     ///< alive between forward and backward passes ("static")
  Bytes resident_total;
  std::uint32_t call = 0;       ///< where the peak is
  std::uint32_t op = 0;
  std::string cause;            ///< "backward.chunk0, microbatch 3: alloc logits"
  std::vector<std::pair<std::string, Bytes>> largest;  ///< buffers alive at the peak, summed by name, largest first
};

/// Sizes are rounded up to multiples of `rounding` (the caching allocator's 512 bytes). Checked int64.
PeakMemory walk_memory(const Program& program, Bytes rounding = Bytes{512});

/// Live bytes after each call, for the trace's counter.
std::vector<Bytes> memory_by_call(const Program& program, Bytes rounding = Bytes{512});

}  // namespace stepcast
