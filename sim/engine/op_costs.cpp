#include "sim/engine/op_costs.h"

#include <algorithm>
#include <unordered_map>

namespace stepcast {
namespace {

struct KernelHash {
  std::size_t operator()(const Kernel& kernel) const {
    std::size_t hash = static_cast<std::size_t>(kernel.kind) * 64 +
                       static_cast<std::size_t>(kernel.dtype) * 2 + (kernel.causal ? 1 : 0);
    for (std::int64_t dim : kernel.dims)
      hash = (hash ^ static_cast<std::size_t>(dim)) * 0x9e3779b97f4a7c15ULL;
    return hash ^ (hash >> 32);
  }
};

class OpCoster {
 public:
  explicit OpCoster(const CostModel& costs) : costs_(costs) {}

  OpCost operator()(const Op& op) {
    struct Visitor {
      OpCoster& self;
      OpCost operator()(const Compute& compute) const { return self.kernel(compute.kernel); }
      OpCost operator()(const Collective& collective) const {
        return {.issue = self.costs_.issue_collective().value(),
                .duration = 0,
                .transfer = self.transfer(transfer_of(collective))};
      }
      OpCost operator()(const Send& send) const { return self.message(transfer_of(send)); }
      OpCost operator()(const Recv& recv) const { return self.message(transfer_of(recv)); }
      OpCost operator()(const HostWork& work) const {
        const Seconds time = work.what == HostTask::kMicrobatch ? self.costs_.per_microbatch()
                                                                : self.costs_.per_step();
        return {.issue = time.value(), .duration = 0, .transfer = kNone};
      }
      OpCost operator()(const Alloc&) const { return {}; }
      OpCost operator()(const Free&) const { return {}; }
      OpCost operator()(const HostWait&) const { return {}; }
    };
    return std::visit(Visitor{*this}, op.what);
  }

  std::vector<TransferKey> transfers;
  Grade grade = Grade::kMeasured;

 private:
  OpCost kernel(const Kernel& kernel) {
    const auto [entry, is_new] = kernels_.try_emplace(kernel);
    if (is_new) {
      const Cost cost = costs_.kernel(kernel);
      grade = worst(grade, cost.grade);
      entry->second = {.issue = costs_.issue_compute(kernel).value(),
                       .duration = cost.time.value(),
                       .transfer = kNone};
    }
    return entry->second;
  }

  OpCost message(const TransferKey& key) {
    return {.issue = costs_.issue_p2p().value(), .duration = 0, .transfer = transfer(key)};
  }

  std::uint32_t transfer(const TransferKey& key) {
    const auto index = std::find(transfers.begin(), transfers.end(), key) - transfers.begin();
    if (index == std::ssize(transfers)) transfers.push_back(key);
    return static_cast<std::uint32_t>(index);
  }

  const CostModel& costs_;
  std::unordered_map<Kernel, OpCost, KernelHash> kernels_;  // looked up only
};

}  // namespace

OpCosts cost_ops(const Job& job, const CostModel& costs) {
  OpCosts result;
  OpCoster coster(costs);
  for (const Program& program : job.programs) {
    auto& blocks = result.by_program.emplace_back();
    for (const Block& block : program.blocks) {
      auto& ops = blocks.emplace_back();
      for (const Op& op : block.ops) ops.push_back(coster(op));
    }
  }
  result.transfers = std::move(coster.transfers);
  result.grade = coster.grade;
  return result;
}

}  // namespace stepcast
