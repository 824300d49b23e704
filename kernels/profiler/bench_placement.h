// Where the operands of a case lie in the memory of a bench: numbers that are read in one block,
// memory that is written in another, so that inputs stay what they are however often a kernel runs.
#pragma once

#include <cstdint>
#include <vector>

#include "kernels/live/launch.h"
#include "kernels/profiler/bench_case.h"

namespace stepcast {

/// Bytes from each of a bench's blocks.
struct BenchBlocks {
  std::int64_t inputs = 0, outputs = 0;  ///< numbers
  std::int64_t codes = 0;                ///< as numbers, of one byte each
  std::int64_t ids = 0, masks = 0;       ///< elements

  void raise_to(const BenchBlocks& other);  ///< the larger of each
};

/// What `turns` distinct sets of the case's numbers take, each operand aligned to 256 bytes; all
/// turns have the same ids, masks and ones.
BenchBlocks blocks_of(const BenchCase& bench_case, std::int64_t turns);

/// Beginnings of the blocks. Numbers of 2 and of 4 bytes may have blocks of their own.
struct BenchMemory {
  std::byte *wide_inputs = nullptr, *half_inputs = nullptr;
  std::byte *wide_outputs = nullptr, *half_outputs = nullptr;
  std::byte* ids = nullptr;  ///< below the case's limit
  std::byte* masks = nullptr;
  std::byte* codes = nullptr;
  std::byte* ones = nullptr;  ///< kMostOnes of fp32
};
inline constexpr std::int64_t kMostOnes = 2;

/// Under these, what a kernel updates in place does not drift away however often it runs: weights
/// stay, and a gradient of norm 1 is clipped by hardly anything.
const AdamSettings& still_settings(const Kernel& kernel);

/// By turn: the case's operands in that memory.
std::vector<std::vector<LiveOperand>> place_operands(const BenchCase& bench_case,
                                                     std::int64_t turns, const BenchMemory& memory);

}  // namespace stepcast
