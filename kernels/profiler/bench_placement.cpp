#include "kernels/profiler/bench_placement.h"

#include <algorithm>

#include "sim/base/error.h"

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
  codes = std::max(codes, other.codes);
}

BenchBlocks blocks_of(const BenchCase& bench_case, std::int64_t turns) {
  BenchBlocks blocks;
  for (const BenchOperand& operand : bench_case.operands) switch (operand.content) {
      case Content::kIds:
        blocks.ids = std::max(blocks.ids, operand.layout.end());
        break;
      case Content::kMask:
        blocks.masks = std::max(blocks.masks, operand.layout.end());
        break;
      case Content::kCodes:
        blocks.codes += turns * aligned(operand.bytes());
        break;
      case Content::kOnes:
        STEPCAST_CHECK(operand.layout.end() <= kMostOnes, "a norm of many numbers");
        break;
      case Content::kNumbers:
        (operand.access == Access::kRead ? blocks.inputs : blocks.outputs) +=
            turns * aligned(operand.bytes());
    }
  return blocks;
}

const AdamSettings& still_settings(const Kernel& kernel) {
  static constexpr AdamSettings kStill{.learning_rate = 0};
  static constexpr AdamSettings kClipped{.learning_rate = 0, .clip = 1};
  return kernel.kind == KernelKind::kClipGradient ? kClipped : kStill;
}

namespace {

/// Hands out a case's memory, operand by operand.
class Placer {
 public:
  explicit Placer(const BenchMemory& memory) : memory_(memory) {}

  std::byte* place(const BenchOperand& operand) {
    switch (operand.content) {
      case Content::kIds:
        return memory_.ids;
      case Content::kMask:
        return memory_.masks;
      case Content::kOnes:
        return memory_.ones;
      case Content::kCodes:
        return memory_.codes + next(codes_, operand);
      case Content::kNumbers:
        break;
    }
    const bool reads = operand.access == Access::kRead, wide = size_of(operand.dtype) == 4;
    std::byte* const block = reads ? (wide ? memory_.wide_inputs : memory_.half_inputs)
                                   : (wide ? memory_.wide_outputs : memory_.half_outputs);
    return block + next(reads ? read_ : written_, operand);
  }

 private:
  static std::int64_t next(std::int64_t& at, const BenchOperand& operand) {
    const std::int64_t here = at;
    at += aligned(operand.bytes());
    return here;
  }

  const BenchMemory& memory_;
  std::int64_t read_ = 0, written_ = 0, codes_ = 0;
};

}  // namespace

std::vector<std::vector<LiveOperand>> place_operands(const BenchCase& bench_case,
                                                     std::int64_t turns,
                                                     const BenchMemory& memory) {
  std::vector<std::vector<LiveOperand>> placed;
  Placer placer(memory);
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    std::vector<LiveOperand>& operands = placed.emplace_back();
    for (const BenchOperand& operand : bench_case.operands) {
      LiveOperand& live = operands.emplace_back();
      live.layout = operand.layout, live.dtype = operand.dtype, live.add = operand.add;
      if (operand.layout.rows > 0) live.memory = placer.place(operand);
    }
  }
  return placed;
}

}  // namespace stepcast
