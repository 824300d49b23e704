#include "sim/engine/collective_bench.h"

#include <algorithm>
#include <array>
#include <string>

#include "sim/base/named_table.h"
#include "sim/engine/calibrated_figure.h"
#include "sim/engine/collective_timing.h"
#include "sim/engine/nccl_channels.h"

namespace stepcast {
namespace {

constexpr std::array<BenchOpInfo, 7> kOps = {{
    {BenchOp::kAllReduce, "all_reduce", "every rank gets the sum of all ranks' buffers"},
    {BenchOp::kAllGather, "all_gather", "every rank gets all ranks' parts"},
    {BenchOp::kReduceScatter, "reduce_scatter", "every rank gets its part of the sum"},
    {BenchOp::kBroadcast, "broadcast", "every rank gets the root's buffer"},
    {BenchOp::kReduce, "reduce", "the root gets the sum of all ranks' buffers"},
    {BenchOp::kAllToAll, "all_to_all", "every rank sends a part to every other"},
    {BenchOp::kSendRecv, "sendrecv", "every rank sends to the next one"},
}};

std::vector<ScheduledWay> ways_of(BenchOp op, const CollectiveChoice& choice) {
  if (op == BenchOp::kSendRecv) return {};
  return scheduled_ways(kind_of(op), choice);
}

/// nccl-tests, NCCL and PyTorch set them differently: alltoall, AllReduce, send_recv.
std::string without_underscores(std::string_view name) {
  std::string result(name);
  std::erase(result, '_');
  return result;
}

std::vector<PairGeometry> ring_neighbours(const Fabric& fabric,
                                          const std::vector<std::uint32_t>& gpus) {
  std::vector<PairGeometry> pairs;
  for (std::size_t i = 0; i < gpus.size() && gpus.size() > 1; ++i)
    pairs.emplace_back(fabric, gpus[i], gpus[(i + 1) % gpus.size()]);
  return pairs;
}

}  // namespace

std::span<const BenchOpInfo> bench_ops() { return kOps; }

std::string_view name_of(BenchOp op) {
  for (const BenchOpInfo& row : kOps)
    if (row.op == op) return row.name;
  return "";
}

BenchOp find_bench_op(std::string_view name) {
  for (const BenchOpInfo& row : kOps)
    if (without_underscores(row.name) == without_underscores(name)) return row.op;
  return find_row(bench_ops(), name, "collective operation").op;
}

CollectiveKind kind_of(BenchOp op) {
  switch (op) {
    case BenchOp::kAllReduce:
      return CollectiveKind::kAllReduce;
    case BenchOp::kAllGather:
      return CollectiveKind::kAllGather;
    case BenchOp::kReduceScatter:
      return CollectiveKind::kReduceScatter;
    case BenchOp::kBroadcast:
      return CollectiveKind::kBroadcast;
    case BenchOp::kReduce:
      return CollectiveKind::kReduce;
    case BenchOp::kAllToAll:
      return CollectiveKind::kAllToAll;
    case BenchOp::kSendRecv:
      break;
  }
  throw InternalError("sendrecv is no collective");
}

double busbw_factor(BenchOp op, int ranks) {
  const double share = (ranks - 1.0) / ranks;
  switch (op) {
    case BenchOp::kAllReduce:
      return 2 * share;
    case BenchOp::kAllGather:
    case BenchOp::kReduceScatter:
    case BenchOp::kAllToAll:
      return share;
    case BenchOp::kBroadcast:
    case BenchOp::kReduce:
    case BenchOp::kSendRecv:
      break;
  }
  return 1;
}

std::vector<std::uint32_t> first_gpus(const Fabric& fabric, std::int64_t count,
                                      std::int64_t per_node) {
  STEPCAST_CHECK(count >= 1 && per_node >= 1 && per_node <= fabric.gpus_per_node(),
                 "GPUs per node out of range");
  std::vector<std::uint32_t> gpus;
  for (std::int64_t gpu = 0; gpu < fabric.num_gpus() && std::ssize(gpus) < count; ++gpu)
    if (gpu - fabric.first_gpu_of(fabric.node_of(gpu)) < per_node)
      gpus.push_back(static_cast<std::uint32_t>(gpu));
  if (std::ssize(gpus) < count)
    throw Error(ErrorKind::kInfeasible, std::to_string(count) + " GPUs at " +
                                            std::to_string(per_node) +
                                            " per node are more than the topology has");
  return gpus;
}

CollectiveBench::CollectiveBench(const Fabric& fabric, std::vector<std::uint32_t> gpus, BenchOp op,
                                 const CollectiveChoice& choice)
    : op_(op), group_(fabric, gpus, op == BenchOp::kAllToAll, ways_of(op, choice)) {
  if (op == BenchOp::kSendRecv) neighbours_ = ring_neighbours(fabric, gpus);
}

FlowPlan CollectiveBench::plan(const NetworkProfile& profile, Bytes size,
                               const BenchSettings& settings) const {
  FlowPlan plan = op_ == BenchOp::kSendRecv
                      ? plan_send_recv(profile, size)
                      : plan_collective(group_, profile, kind_of(op_), size, settings.choice);
  if (op_ == BenchOp::kBroadcast && num_ranks() > 1 && settings.choice.is_free())
    overlap_calls(profile, size, plan);
  if (settings.launch == BenchLaunch::kSingleProcess)
    plan.uncontended = std::max(plan.uncontended, single_process_time(profile));
  if (settings.launch == BenchLaunch::kPython)
    plan.uncontended = std::max(plan.uncontended, profile.python_floor);
  plan.channels = channels_of(profile, size, plan);
  return plan;
}

int CollectiveBench::channels_of(const NetworkProfile& profile, Bytes size,
                                 const FlowPlan& plan) const {
  const NcclChannels channels = nccl_channels(group_, profile.generation);
  if (op_ == BenchOp::kSendRecv) return message_channels(channels, group_.num_nodes() == 1, size);
  return channels_in_use(channels, group_, plan.algorithm, plan.protocol, size);
}

std::vector<FlowPlan> CollectiveBench::transfers(const NetworkProfile& profile, Bytes size,
                                                 const BenchSettings& settings) const {
  if (op_ != BenchOp::kSendRecv) return {plan(profile, size, settings)};
  std::vector<FlowPlan> messages;
  for (const PairGeometry& pair : neighbours_)
    messages.push_back(plan_message(pair, profile, size));
  return messages;
}

FlowPlan CollectiveBench::plan_message(const PairGeometry& pair, const NetworkProfile& profile,
                                       Bytes size) const {
  return plan_p2p(pair, profile, size, nccl_channels(group_, profile.generation));
}

/// What the only process needs to call and launch a collective on all GPUs. all_to_all is n sends
/// and n receives on each of them.
Seconds CollectiveBench::single_process_time(const NetworkProfile& profile) const {
  const double ranks = num_ranks();
  const double messages = op_ == BenchOp::kAllToAll ? 2 * ranks * ranks : 0;
  return profile.single_process_floor + messages * profile.p2p_call;
}

/// nccl-tests times twenty calls in a row, not the arrival at the last rank.
void CollectiveBench::overlap_calls(const NetworkProfile& profile, Bytes size,
                                    FlowPlan& plan) const {
  const bool timed = profile.points.time(kind_of(op_), num_ranks(), size).has_value();
  if (timed && group_.num_nodes() == 1) return;  // what was measured stands
  const double factor =
      calibrated_figure(profile, name_of(op_), group_.num_ranks(), group_.num_nodes(), size).factor;
  const Seconds interval(broadcast_interval(group_, profile, static_cast<double>(size.value())) *
                         factor);
  if (interval >= plan.uncontended) return;
  plan.uncontended = interval;
  plan.protocol = Protocol::kLl;
}

/// Neighbours load links of their own: the slowest pair takes as long as all of them.
FlowPlan CollectiveBench::plan_send_recv(const NetworkProfile& profile, Bytes size) const {
  FlowPlan slowest;
  for (const PairGeometry& pair : neighbours_) {
    const FlowPlan plan = plan_message(pair, profile, size);
    if (plan.uncontended > slowest.uncontended) slowest = plan;
  }
  const CalibratedFigure calibrated =
      calibrated_figure(profile, name_of(op_), group_.num_ranks(), group_.num_nodes(), size);
  slowest.grade = calibrated.grade;
  slowest.uncontended = slowest.uncontended * calibrated.factor;
  return slowest;
}

}  // namespace stepcast
