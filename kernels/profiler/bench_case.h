// What it takes to run one kernel for real, outside of a program: where its operands lie and what
// is in them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/compute/layout.h"
#include "sim/compute/operands.h"
#include "sim/program/job.h"

namespace stepcast {

/// Tokens of a sequence whose scores are timed, where a kernel does not say; of few scores.
inline constexpr std::int64_t kScoreTokens = 128;

struct BenchOperand {
  enum class Content : std::uint8_t {
    kNumbers,
    kIds,
    kMask,
    kCodes,  ///< 8-bit integers
    kOnes,   ///< norms of gradients, of which random ones would scale what they are of
  };
  Layout layout = {};  ///< no rows: an optional operand that is left out
  Dtype dtype{};
  Content content{};
  Access access{};
  bool add = false;

  std::int64_t element_bytes() const;
  std::int64_t bytes() const { return layout.end() * element_bytes(); }
};

struct BenchCase {
  Kernel kernel;
  KernelArguments arguments = {};
  std::vector<BenchOperand> operands = {};  ///< in the order of signature_of(kernel.kind)
  std::int64_t ids_below = 1;               ///< token ids are 0 .. ids_below - 1
  bool rising_ids = false;                  ///< each once, from 0 to ids_below - 1

  std::int64_t bytes() const;
};

/// Every kernel of the job's programs once, in the order of MeasuredKernels, with the operands of
/// the first op that launches it. Programs whose operands don't say enough (Program::timing_only)
/// give default cases.
std::vector<BenchCase> cases_of(const Job& job);

/// The kernel on dense operands; attention inside packed projections, as training has it. Rows of
/// 512 where the dimensions don't say how long rows are.
BenchCase default_case(const Kernel& kernel);

/// What the kernel needs to compute with: ids as its case wants them, `count` of them made of
/// random numbers without a limit.
std::vector<std::int32_t> ids_of(const BenchCase& bench_case, std::span<const std::int32_t> random,
                                 std::size_t count);

}  // namespace stepcast
