#include "kernels/profiler/cpu_bench.h"

#include <algorithm>
#include <array>
#include <random>
#include <utility>

#include "kernels/cpu/element.h"
#include "kernels/profiler/bench_placement.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

using Content = BenchOperand::Content;

/// Twice the second cache of current server cores.
constexpr std::int64_t kRotated = 4 << 20;
constexpr std::int64_t kMostTurns = 16;

std::int64_t turns_of(const BenchCase& bench_case) {
  const std::int64_t bytes = std::max<std::int64_t>(bench_case.bytes(), 1);
  return std::clamp<std::int64_t>(kRotated / bytes + 1, 2, kMostTurns);
}

bool works_on_halves(const BenchCase& bench_case) {
  return std::ranges::any_of(bench_case.operands, [](const BenchOperand& operand) {
    return operand.content == Content::kNumbers && size_of(operand.dtype) == 2;
  });
}

}  // namespace

/// Numbers that are read, memory that is written, ids and masks.
struct CpuBench::Pool {
  /// Memory of numbers in [0, 1), once as fp32 and once in bf16 (which read as fp16 are numbers
  /// too).
  struct Numbers {
    std::vector<float> wide;
    std::vector<Bf16> half;
  };
  Numbers inputs, outputs;
  std::vector<std::int32_t> ids;  ///< random, without a limit; a case makes its own of them
  std::vector<std::uint8_t> masks;
  std::vector<std::uint8_t> codes;
  std::array<float, kMostOnes> ones{1, 1};
  std::vector<std::vector<std::int32_t>> limited_ids;
};

CpuBench::CpuBench(LauncherTable launchers, std::vector<BenchCase> cases)
    : launchers_(launchers), cases_(std::move(cases)), pool_(std::make_unique<Pool>()) {
  BenchBlocks blocks;
  for (const BenchCase& one : cases_) blocks.raise_to(blocks_of(one, turns_of(one)));
  std::minstd_rand random(1);  // the same numbers on every machine
  const auto uniform = [&] { return static_cast<float>(random() % 65'536) / 65'536.0F; };
  const bool has_halves = std::ranges::any_of(cases_, works_on_halves);
  for (const auto& [numbers, bytes] :
       {std::pair(&pool_->inputs, blocks.inputs), std::pair(&pool_->outputs, blocks.outputs)}) {
    numbers->wide.resize(static_cast<std::size_t>(bytes / 4));
    std::ranges::generate(numbers->wide, uniform);
    if (!has_halves) continue;
    numbers->half.resize(static_cast<std::size_t>(bytes / 2));
    for (Bf16& half : numbers->half) store(half, uniform());
  }
  pool_->ids.resize(static_cast<std::size_t>(blocks.ids));
  std::generate(pool_->ids.begin(), pool_->ids.end(),
                [&] { return static_cast<std::int32_t>(random() & 0x3fffffff); });
  pool_->masks.assign(static_cast<std::size_t>(blocks.masks), 1);
  pool_->codes.resize(static_cast<std::size_t>(blocks.codes));
  std::ranges::generate(pool_->codes, [&] { return static_cast<std::uint8_t>(random() >> 8); });
}

CpuBench::~CpuBench() = default;

const BenchCase* CpuBench::find(const Kernel& kernel) const {
  const auto at = std::find_if(cases_.begin(), cases_.end(),
                               [&](const BenchCase& one) { return one.kernel == kernel; });
  return at == cases_.end() ? nullptr : &*at;
}

std::string CpuBench::refusal(const Kernel& kernel) const {
  const BenchCase* found = find(kernel);
  if (found == nullptr) return "was not announced to the bench";
  if (launchers_[static_cast<std::size_t>(kernel.kind)] == nullptr) return "has no kernel here";
  for (const BenchOperand& operand : found->operands)
    if (operand.content == Content::kNumbers && operand.layout.rows > 0 &&
        operand.dtype == Dtype::kFp8)
      return "works on fp8; CPU ranks compute on fp32 and 16-bit numbers";
  return "";
}

std::vector<std::vector<LiveOperand>> CpuBench::placed(const BenchCase& bench_case) const {
  std::vector<std::int32_t>& ids = pool_->limited_ids.emplace_back(
      ids_of(bench_case, pool_->ids, static_cast<std::size_t>(blocks_of(bench_case, 1).ids)));
  const auto bytes = [](auto& numbers) { return reinterpret_cast<std::byte*>(numbers.data()); };
  return place_operands(bench_case, turns_of(bench_case),
                        {.wide_inputs = bytes(pool_->inputs.wide),
                         .half_inputs = bytes(pool_->inputs.half),
                         .wide_outputs = bytes(pool_->outputs.wide),
                         .half_outputs = bytes(pool_->outputs.half),
                         .ids = bytes(ids),
                         .masks = bytes(pool_->masks),
                         .codes = bytes(pool_->codes),
                         .ones = bytes(pool_->ones)});
}

std::vector<LiveOperand> CpuBench::operands_of(const Kernel& kernel, std::size_t turn) const {
  const BenchCase* found = find(kernel);
  STEPCAST_CHECK(found != nullptr, "operands of a kernel that the bench refuses");
  return placed(*found)[turn];
}

Trial CpuBench::trial(const Kernel& kernel) {
  const BenchCase* found = find(kernel);
  STEPCAST_CHECK(found != nullptr, "a kernel that the bench refuses is to be timed");
  auto turns = std::make_shared<const std::vector<std::vector<LiveOperand>>>(placed(*found));
  const int count = static_cast<int>(turns->size());
  const Launcher launcher = launchers_[static_cast<std::size_t>(kernel.kind)];
  return {.run =
              [found, turns, launcher](int turn) {
                launcher({.kernel = found->kernel,
                          .arguments = found->arguments,
                          .operands = (*turns)[static_cast<std::size_t>(turn)],
                          .adam = still_settings(found->kernel)});
              },
          .turns = count};
}

}  // namespace stepcast
