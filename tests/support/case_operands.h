// Operands of a bench case in memory of the host, for tests that run launchers beside each other.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/live/launch.h"
#include "kernels/profiler/bench_case.h"

namespace stepcast {

/// Memory for the operands of a case, the same for each launcher that gets one.
struct CaseOperands {
  using Content = BenchOperand::Content;

  explicit CaseOperands(const BenchCase& bench_case, bool add) {
    std::minstd_rand random(7);
    for (const BenchOperand& operand : bench_case.operands) {
      LiveOperand& live = live_operands.emplace_back();
      live.layout = operand.layout;
      live.dtype = operand.dtype;
      live.add = operand.access == Access::kWrite && (add || operand.add);
      std::vector<float>& memory = memories.emplace_back();
      if (operand.layout.rows == 0) continue;
      memory.resize(static_cast<std::size_t>(operand.layout.end()));
      for (float& value : memory) value = 0.05F + static_cast<float>(random() % 1000) / 1500.0F;
      fill_other(operand, bench_case, memory, random);
      live.memory = reinterpret_cast<std::byte*>(memory.data());
    }
  }
  void run(LauncherTable launchers, const BenchCase& bench_case, DeviceContext* device = nullptr) {
    const AdamSettings adam{.learning_rate = 0.01, .weight_decay = 0.1, .clip = 0.5};
    launchers[static_cast<std::size_t>(bench_case.kernel.kind)]({.kernel = bench_case.kernel,
                                                                 .arguments = bench_case.arguments,
                                                                 .operands = live_operands,
                                                                 .adam = adam,
                                                                 .step = 3,
                                                                 .device = device});
  }
  static void fill_other(const BenchOperand& operand, const BenchCase& bench_case,
                         std::vector<float>& memory, std::minstd_rand& random) {
    std::vector<std::int32_t> numbers(memory.size());
    std::ranges::generate(numbers, [&] { return static_cast<std::int32_t>(random()); });
    switch (operand.content) {
      case Content::kNumbers:
        return;
      case Content::kOnes:
        std::ranges::fill(memory, 1.0F);
        return;
      case Content::kMask:
        std::fill_n(reinterpret_cast<std::uint8_t*>(memory.data()), operand.layout.end(), 1);
        return;
      case Content::kIds:
        numbers = ids_of(bench_case, numbers, numbers.size());
        [[fallthrough]];
      case Content::kCodes:
        std::memcpy(memory.data(), numbers.data(), memory.size() * sizeof(float));
    }
  }

  std::vector<std::vector<float>> memories;
  std::vector<LiveOperand> live_operands;
};

/// Elements that are not numbers: what is off at the most. Codes of ties may round either way.
inline int largest_difference(const BenchOperand& operand, const std::vector<float>& want,
                              const std::vector<float>& have) {
  int off = 0;
  for (std::int64_t e = 0; e < operand.layout.end(); ++e) {
    const auto at = [&](const std::vector<float>& memory) -> int {
      return operand.content == BenchOperand::Content::kCodes
                 ? reinterpret_cast<const std::int8_t*>(memory.data())[e]
                 : reinterpret_cast<const std::int32_t*>(memory.data())[e];
    };
    off = std::max(off, std::abs(at(want) - at(have)));
  }
  return off;
}

/// Numbers within `tolerance` of the largest of their operand, codes within one, indices alike.
inline void expect_same_operands(const BenchCase& bench_case, const CaseOperands& want,
                                 const CaseOperands& got, double tolerance) {
  using Content = BenchOperand::Content;
  for (std::size_t i = 0; i < bench_case.operands.size(); ++i) {
    const BenchOperand& operand = bench_case.operands[i];
    const std::vector<float>&expected = want.memories[i], &have = got.memories[i];
    if (operand.content == Content::kIds || operand.content == Content::kCodes) {
      EXPECT_LE(largest_difference(operand, expected, have),
                operand.content == Content::kCodes ? 1 : 0)
          << to_text(bench_case.kernel);
    }
    if (operand.content != Content::kNumbers) continue;
    double largest = 1e-3, off = 0;
    for (std::size_t e = 0; e < expected.size(); ++e) {
      largest = std::max(largest, std::abs(static_cast<double>(expected[e])));
      off = std::max(off, std::abs(static_cast<double>(expected[e]) - have[e]));
      ASSERT_EQ(std::isnan(expected[e]), std::isnan(have[e])) << to_text(bench_case.kernel);
    }
    EXPECT_LE(off / largest, tolerance) << to_text(bench_case.kernel) << " operand " << i;
  }
}

}  // namespace stepcast
