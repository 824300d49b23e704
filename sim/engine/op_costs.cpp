#include "sim/engine/op_costs.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

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

/// Numbers distinct ops by first occurrence.
class OpNumbers {
 public:
  OpNumbers(std::vector<JobOps::DistinctOp>& distinct, std::vector<TransferKey>& transfers)
      : distinct_(distinct), transfers_(transfers) {}

  std::uint32_t operator()(const What& what) {
    struct Visitor {
      OpNumbers& self;
      const What& what;
      std::uint32_t operator()(const Compute& compute) const {
        return self.number(self.kernels_.try_emplace(compute.kernel, kNone).first->second, what);
      }
      std::uint32_t operator()(const Collective& op) const {
        return self.transfer(transfer_of(op), what);
      }
      std::uint32_t operator()(const Send& op) const {
        return self.transfer(transfer_of(op), what);
      }
      std::uint32_t operator()(const Recv& op) const {
        return self.transfer(transfer_of(op), what);
      }
      std::uint32_t operator()(const HostWork& work) const {
        return self.number(
            self.host_tasks_.try_emplace({work.what, work.times}, kNone).first->second, what);
      }
      std::uint32_t operator()(const Alloc&) const { return self.number(self.free_, what); }
      std::uint32_t operator()(const Free&) const { return self.number(self.free_, what); }
      std::uint32_t operator()(const HostWait&) const { return self.number(self.free_, what); }
    };
    return std::visit(Visitor{*this, what}, what);
  }

 private:
  std::uint32_t number(std::uint32_t& id, const What& what, std::uint32_t transfer = kNone) {
    if (id == kNone) {
      id = static_cast<std::uint32_t>(distinct_.size());
      distinct_.push_back({&what, transfer});
    }
    return id;
  }

  std::uint32_t transfer(const TransferKey& key, const What& what) {
    const auto index = static_cast<std::size_t>(
        std::find(transfers_.begin(), transfers_.end(), key) - transfers_.begin());
    if (index == transfers_.size()) {
      transfers_.push_back(key);
      transfer_ids_.push_back(kNone);
    }
    return number(transfer_ids_[index], what, static_cast<std::uint32_t>(index));
  }

  std::vector<JobOps::DistinctOp>& distinct_;
  std::vector<TransferKey>& transfers_;
  std::unordered_map<Kernel, std::uint32_t, KernelHash> kernels_;  // looked up only
  std::vector<std::uint32_t> transfer_ids_;
  std::map<std::pair<HostTask, std::uint32_t>, std::uint32_t> host_tasks_;  // and how many times
  std::uint32_t free_ = kNone;  // all that costs nothing
};

struct CostOf {
  const CostModel& costs;
  std::uint32_t transfer;
  Grade& grade;

  OpCost operator()(const Compute& compute) const {
    const Cost cost = costs.kernel(compute.kernel);
    grade = worst(grade, cost.grade);
    const bool measured = worst(cost.grade, Grade::kFitted) == Grade::kFitted;
    return {.issue = costs.issue_compute(compute.kernel).value(),
            .duration = cost.time.value(),
            .memory_bound = info(compute.kernel.kind).family == KernelFamily::kMemoryBound,
            .unmeasured_sigma = measured ? 0 : cost.relative_sigma};
  }
  OpCost operator()(const Collective&) const {
    return {.issue = costs.issue_collective().value(), .transfer = transfer};
  }
  OpCost operator()(const Send&) const { return message(); }
  OpCost operator()(const Recv&) const { return message(); }
  OpCost operator()(const HostWork& work) const {
    switch (work.what) {
      case HostTask::kMicrobatch:
        return {.issue = costs.per_microbatch().value()};
      case HostTask::kStep:
        return {.issue = costs.per_step().value()};
      case HostTask::kShard:
        return {.issue = costs.per_shard().value() * work.times};
    }
    return {};
  }
  OpCost operator()(const Alloc&) const { return {}; }
  OpCost operator()(const Free&) const { return {}; }
  OpCost operator()(const HostWait&) const { return {}; }

 private:
  OpCost message() const { return {.issue = costs.issue_p2p().value(), .transfer = transfer}; }
};

void insert(std::vector<std::uint32_t>& set, std::uint32_t value) {
  if (std::find(set.begin(), set.end(), value) == set.end()) set.push_back(value);
}

}  // namespace

JobOps::JobOps(const Job& job) {
  OpNumbers number(distinct_, transfers_);
  for (const Program& program : job.programs) {
    auto& blocks = of_program_.emplace_back();
    auto& ports = port_transfers_.emplace_back();
    for (const Block& block : program.blocks) {
      auto& ids = blocks.emplace_back();
      ids.reserve(block.ops.size());
      for (const Op& op : block.ops) {
        ids.push_back(number(op.what));
        if (const auto port = port_of(op.what))
          insert(ports[static_cast<std::size_t>(*port)], distinct_[ids.back()].transfer);
      }
    }
  }
}

OpCosts cost_ops(const JobOps& ops, const CostModel& costs, const std::vector<bool>& wanted) {
  OpCosts result;
  result.distinct.resize(ops.distinct().size());
  for (std::size_t id = 0; id < result.distinct.size(); ++id) {
    if (!wanted.empty() && !wanted[id]) continue;
    const JobOps::DistinctOp& op = ops.distinct()[id];
    result.distinct[id] = std::visit(CostOf{costs, op.transfer, result.grade}, *op.what);
  }
  return result;
}

}  // namespace stepcast
