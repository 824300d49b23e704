#include "kernels/profiler/bench_placement.h"

#include <algorithm>

namespace stepcast {
namespace {

using Content = BenchOperand::Content;

/// What device memory and vector loads ask for.
constexpr std::int64_t kAlignment = 256;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

void BenchBlocks::raise_to(const BenchBlocks& other) {
  inputs = std::max(inputs, other.inputs), outputs = std::max(outputs, other.outputs);
  ids = std::max(ids, other.ids), masks = std::max(masks, other.masks);
}

BenchBlocks blocks_of(const BenchCase& bench_case, std::int64_t turns) {
  BenchBlocks blocks;
  for (const BenchOperand& operand : bench_case.operands) {
    if (operand.content == Content::kIds)
      blocks.ids = std::max(blocks.ids, operand.layout.end());
    else if (operand.content == Content::kMask)
      blocks.masks = std::max(blocks.masks, operand.layout.end());
    else
      (operand.access == Access::kRead ? blocks.inputs : blocks.outputs) +=
          turns * aligned(operand.bytes());
  }
  return blocks;
}

std::vector<std::vector<LiveOperand>> place_operands(const BenchCase& bench_case,
                                                     std::int64_t turns,
                                                     const BenchMemory& memory) {
  std::vector<std::vector<LiveOperand>> placed;
  std::int64_t read = 0, written = 0;
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    std::vector<LiveOperand>& operands = placed.emplace_back();
    for (const BenchOperand& operand : bench_case.operands) {
      LiveOperand& live = operands.emplace_back();
      live.layout = operand.layout, live.dtype = operand.dtype, live.add = operand.add;
      if (operand.layout.rows == 0) continue;
      if (operand.content == Content::kIds) {
        live.memory = memory.ids;
      } else if (operand.content == Content::kMask) {
        live.memory = memory.masks;
      } else {
        const bool reads = operand.access == Access::kRead, wide = size_of(operand.dtype) == 4;
        std::byte* const block = reads ? (wide ? memory.wide_inputs : memory.half_inputs)
                                       : (wide ? memory.wide_outputs : memory.half_outputs);
        std::int64_t& at = reads ? read : written;
        live.memory = block + at;
        at += aligned(operand.bytes());
      }
    }
  }
  return placed;
}

}  // namespace stepcast
