#include "kernels/profiler/cpu_bench.h"

#include <algorithm>
#include <random>

#include "sim/base/error.h"

namespace stepcast {
namespace {

using Content = BenchOperand::Content;

/// Twice the second cache of current server cores.
constexpr std::int64_t kRotated = 4 << 20;
constexpr std::int64_t kMostTurns = 16;
constexpr std::int64_t kAlignment = 64;

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::int64_t turns_of(const BenchCase& bench_case) {
  const std::int64_t bytes = std::max<std::int64_t>(bench_case.bytes(), 1);
  return std::clamp<std::int64_t>(kRotated / bytes + 1, 2, kMostTurns);
}

/// Bytes of one turn, by what the memory holds.
std::int64_t region_bytes(const BenchCase& bench_case, bool written) {
  std::int64_t sum = 0;
  for (const BenchOperand& operand : bench_case.operands)
    if ((operand.access != Access::kRead) == written && operand.content == Content::kNumbers)
      sum += aligned(operand.bytes());
  return sum;
}

}  // namespace

/// Numbers that are read, memory that is written, ids and masks.
struct CpuBench::Pool {
  std::vector<float> inputs, outputs;
  std::vector<std::int32_t> ids;  ///< random, without a limit; a case makes its own of them
  std::vector<std::uint8_t> masks;
  std::vector<std::vector<std::int32_t>> limited_ids;
};

CpuBench::CpuBench(LauncherTable launchers, std::vector<BenchCase> cases)
    : launchers_(launchers), cases_(std::move(cases)), pool_(std::make_unique<Pool>()) {
  std::int64_t inputs = 0, outputs = 0, ids = 0, masks = 0;
  for (const BenchCase& one : cases_) {
    inputs = std::max(inputs, turns_of(one) * region_bytes(one, false));
    outputs = std::max(outputs, turns_of(one) * region_bytes(one, true));
    for (const BenchOperand& operand : one.operands) {
      if (operand.content == Content::kIds) ids = std::max(ids, operand.layout.end());
      if (operand.content == Content::kMask) masks = std::max(masks, operand.layout.end());
    }
  }
  std::minstd_rand random(1);  // the same numbers on every machine
  const auto uniform = [&] { return static_cast<float>(random() % 65'536) / 65'536.0F; };
  pool_->inputs.resize(static_cast<std::size_t>(inputs / 4));
  std::generate(pool_->inputs.begin(), pool_->inputs.end(), uniform);
  pool_->outputs.resize(static_cast<std::size_t>(outputs / 4));
  std::generate(pool_->outputs.begin(), pool_->outputs.end(), uniform);
  pool_->ids.resize(static_cast<std::size_t>(ids));
  std::generate(pool_->ids.begin(), pool_->ids.end(),
                [&] { return static_cast<std::int32_t>(random() & 0x3fffffff); });
  pool_->masks.assign(static_cast<std::size_t>(masks), 1);
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
        operand.dtype != Dtype::kFp32)
      return "works on " + std::string(name_of(operand.dtype)) + "; CPU ranks compute in fp32";
  return "";
}

std::vector<std::vector<LiveOperand>> CpuBench::placed(const BenchCase& bench_case) const {
  std::vector<std::int32_t>& ids = pool_->limited_ids.emplace_back(pool_->ids);
  for (std::int32_t& id : ids) id = static_cast<std::int32_t>(id % bench_case.ids_below);
  std::vector<std::vector<LiveOperand>> turns;
  std::int64_t read = 0, written = 0;
  for (std::int64_t turn = 0; turn < turns_of(bench_case); ++turn) {
    std::vector<LiveOperand>& operands = turns.emplace_back();
    for (const BenchOperand& operand : bench_case.operands) {
      LiveOperand& live = operands.emplace_back();
      live.layout = operand.layout, live.dtype = operand.dtype, live.add = operand.add;
      if (operand.layout.rows == 0) continue;
      if (operand.content == Content::kIds) {
        live.memory = reinterpret_cast<std::byte*>(ids.data());
      } else if (operand.content == Content::kMask) {
        live.memory = reinterpret_cast<std::byte*>(pool_->masks.data());
      } else {
        const bool reads = operand.access == Access::kRead;
        std::int64_t& at = reads ? read : written;
        std::vector<float>& pool = reads ? pool_->inputs : pool_->outputs;
        live.memory = reinterpret_cast<std::byte*>(pool.data()) + at;
        at += aligned(operand.bytes());
      }
    }
  }
  return turns;
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
  static constexpr AdamSettings kStill{.learning_rate = 0};
  const Launcher launcher = launchers_[static_cast<std::size_t>(kernel.kind)];
  return {.run =
              [found, turns, launcher](int turn) {
                launcher({.kernel = found->kernel,
                          .arguments = found->arguments,
                          .operands = (*turns)[static_cast<std::size_t>(turn)],
                          .adam = kStill});
              },
          .turns = count};
}

}  // namespace stepcast
