// What nccl-tests measures, as predictions: one collective of one size on an idle network, by
// nccl-tests' own definitions of size and bandwidth (its doc/PERFORMANCE.md).
//
//   CollectiveBench bench(fabric, first_gpus(fabric, 16, 8), BenchOp::kAllReduce);
//   FlowPlan plan = bench.plan(profile, Bytes(1 << 20), {});
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sim/engine/collective_flows.h"

namespace stepcast {

/// The programs of nccl-tests that are predicted.
enum class BenchOp : std::uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kReduce,
  kAllToAll,
  kSendRecv,  ///< every rank sends to the next one and receives from the one before
};

struct BenchOpInfo {
  BenchOp op;
  std::string_view name;
  std::string_view description;
};
std::span<const BenchOpInfo> bench_ops();
std::string_view name_of(BenchOp op);
/// By name, with or without its underscores. Throws Error(kInput) listing the names.
BenchOp find_bench_op(std::string_view name);

/// Not for kSendRecv, which is no collective.
CollectiveKind kind_of(BenchOp op);

/// busbw / algbw for `ranks` ranks.
double busbw_factor(BenchOp op, int ranks);

/// The first `per_node` GPUs of as many nodes as make `count`; the last node may have fewer. Throws
/// Error(kInfeasible) when the fabric has not got so many.
std::vector<std::uint32_t> first_gpus(const Fabric& fabric, std::int64_t count,
                                      std::int64_t per_node);

/// Who launches the collective.
enum class BenchLaunch : std::uint8_t {
  kProcessPerGpu,
  kSingleProcess,  ///< one process for all GPUs of a node, as nccl-tests -g 8
  kPython,         ///< PyTorch, one timed call after the other
};

/// How NCCL is run, beyond the network profile.
struct BenchSettings {
  CollectiveChoice choice{};  ///< as NCCL_ALGO and NCCL_PROTO
  BenchLaunch launch = BenchLaunch::kProcessPerGpu;
};

/// One operation of one communicator, for any profile and size.
class CollectiveBench {
 public:
  /// `gpus` in communicator order, distinct. `choice`: what plans may be asked for, besides what
  /// the library chooses from.
  CollectiveBench(const Fabric& fabric, std::vector<std::uint32_t> gpus, BenchOp op,
                  const CollectiveChoice& choice = {});

  int num_ranks() const { return group_.num_ranks(); }

  /// `size` as nccl-tests counts it: the buffer of one rank, for all_gather and reduce_scatter the
  /// concatenated one. FlowPlan::uncontended is the time; algorithm, protocol and channels are
  /// what was chosen. Throws Error(kUnsupported) when the settings ask for what these GPUs can't
  /// do.
  FlowPlan plan(const NetworkProfile& profile, Bytes size, const BenchSettings& settings) const;
  /// What is on the wire at the same time: one transfer for a collective, for sendrecv one for each
  /// rank. Plans refer to the bench.
  std::vector<FlowPlan> transfers(const NetworkProfile& profile, Bytes size,
                                  const BenchSettings& settings) const;

 private:
  int channels_of(const NetworkProfile& profile, Bytes size, const FlowPlan& plan) const;
  Seconds single_process_time(const NetworkProfile& profile) const;
  void overlap_calls(const NetworkProfile& profile, Bytes size, FlowPlan& plan) const;
  FlowPlan plan_message(const PairGeometry& pair, const NetworkProfile& profile, Bytes size) const;
  FlowPlan plan_send_recv(const NetworkProfile& profile, Bytes size) const;

  BenchOp op_;
  GroupGeometry group_;
  std::vector<PairGeometry> neighbours_;  ///< of sendrecv: each rank and the next
};

}  // namespace stepcast
