// The same collective in several groups of GPUs at once, as nccl-tests runs it with
// NCCL_TESTS_SPLIT: what each group gets when all run together, beside what it gets alone.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine/collective_bench.h"
#include "sim/engine/flow_solver.h"

namespace stepcast {

/// Which group a rank belongs to: `rank operation value`, nccl-tests' NCCL_TESTS_SPLIT.
struct RankSplit {
  enum class Operation : std::uint8_t { kAnd, kOr, kMod, kDiv };
  Operation operation = Operation::kMod;
  std::int64_t value = 1;

  std::int64_t colour(std::int64_t rank) const;
};

/// "MOD 8", "%8", "DIV 4", "/4", "AND 0x7", "&7", "OR 0b11", "|3": an operation in either case or
/// its sign, then a decimal, hexadecimal or binary number. Throws Error(kUsage).
RankSplit parse_rank_split(std::string_view text);

/// `gpus` in communicator order -> groups by ascending colour, each in the same order.
std::vector<std::vector<std::uint32_t>> split_ranks(const std::vector<std::uint32_t>& gpus,
                                                    const RankSplit& split);

class ConcurrentBench {
 public:
  /// Groups have no GPU in common. Keeps a reference to the fabric. `choice` as CollectiveBench
  /// has it.
  ConcurrentBench(const Fabric& fabric, std::vector<std::vector<std::uint32_t>> groups, BenchOp op,
                  const CollectiveChoice& choice = {});

  struct Outcome {
    FlowPlan alone;    ///< FlowPlan::uncontended is the time alone
    Seconds together;  ///< all groups begin at once
  };
  /// By group. `size` as CollectiveBench::plan() takes it, the same for every group.
  std::vector<Outcome> run(const NetworkProfile& profile, Bytes size, const BenchSettings& settings,
                           FlowSolver& solver = simgrid_solver()) const;

  const std::vector<std::vector<std::uint32_t>>& groups() const { return groups_; }

 private:
  const Fabric& fabric_;
  std::vector<std::vector<std::uint32_t>> groups_;
  std::vector<CollectiveBench> benches_;  // by group
};

}  // namespace stepcast
