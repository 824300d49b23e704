#include "sim/engine/overlap.h"

#include <algorithm>

#include "sim/program/instances.h"
#include "sim/program/stream_order.h"

namespace stepcast {
namespace {

/// Issues a program op by op, and compares each kernel with the transfers before it, each transfer
/// with the kernels before it.
class OverlapFinder {
 public:
  OverlapFinder(const Program& program, PortSet ports)
      : program_(program),
        ports_(ports),
        instances_(program.events, program.num_microbatches),
        reached_(instances_.size()) {
    for (const Block& block : program.blocks) overlap_.kernels.emplace_back(block.ops.size());
  }

  Overlap run() {
    for (const Call& call : program_.calls) {
      const std::vector<Op>& ops = program_.blocks[call.block].ops;
      for (std::uint32_t position = 0; position < ops.size(); ++position)
        issue(ops[position], {call.block, position}, call.microbatch);
    }
    if (overlap_.ports == kNoPorts) overlap_.kernels.clear();
    return std::move(overlap_);
  }

 private:
  struct OpPlace {
    BlockId block = 0;
    std::uint32_t op = 0;
  };
  /// The transfers of a stream and port that were issued so far.
  struct Transfers {
    Port port{};
    Stream stream{};
    std::uint32_t last = 0;              // position of the latest on its stream
    std::uint32_t kernels_compared = 0;  // ops of the compute stream
  };

  void issue(const Op& op, const OpPlace& place, std::uint32_t microbatch) {
    if (std::holds_alternative<HostWait>(op.what)) return order_.host_wait(op.stream);
    if (!orders_streams(op)) return;
    for (EventId event : op.waits_for)
      order_.wait(op.stream, reached_[instances_(event, microbatch)]);
    const std::uint32_t position = order_.issue(op.stream);
    if (op.stream == Stream::kCompute) on_compute(op, place);
    const auto port = port_of(op.what);
    if (port && op.stream != Stream::kCompute && contains(ports_, *port))
      on_other_stream(*port, op.stream, position);
    if (op.signals != kNone)
      reached_[instances_(op.signals, microbatch)] = order_.drained(op.stream);
  }

  /// Transfers that have not surely ended run beside it.
  void on_compute(const Op& op, const OpPlace& place) {
    compute_.push_back(place);
    if (!std::holds_alternative<Compute>(op.what)) return;
    for (const Transfers& transfers : transfers_)
      if (!order_.ordered(transfers.stream, transfers.last, Stream::kCompute))
        mark(place, transfers.port);
  }

  /// Kernels issued before that it does not wait for run beside it, as they may beside what its
  /// stream had before: what that was compared with need not be compared again.
  void on_other_stream(Port port, Stream stream, std::uint32_t position) {
    Transfers& transfers = transfers_of(port, stream);
    transfers.last = position;
    std::uint32_t begin = order_.drained(stream)[Stream::kCompute];
    begin = std::max(begin, transfers.kernels_compared);
    for (std::uint32_t i = begin; i < compute_.size(); ++i)
      if (is_kernel(compute_[i])) mark(compute_[i], port);
    transfers.kernels_compared = static_cast<std::uint32_t>(compute_.size());
  }

  Transfers& transfers_of(Port port, Stream stream) {
    for (Transfers& entry : transfers_)
      if (entry.port == port && entry.stream == stream) return entry;
    return transfers_.emplace_back(Transfers{.port = port, .stream = stream});
  }

  bool is_kernel(const OpPlace& place) const {
    return std::holds_alternative<Compute>(program_.blocks[place.block].ops[place.op].what);
  }

  void mark(const OpPlace& place, Port port) {
    overlap_.kernels[place.block][place.op] = true;
    overlap_.ports |= set_of(port);
  }

  const Program& program_;
  PortSet ports_;
  InstanceIndex instances_;
  std::vector<StreamClock> reached_;  // by event instance
  StreamOrder order_;
  std::vector<OpPlace> compute_;  // ops of the compute stream, by position - 1
  std::vector<Transfers> transfers_;
  Overlap overlap_;
};

}  // namespace

Overlap find_overlap(const Program& program, PortSet ports) {
  if (ports == kNoPorts) return {};
  return OverlapFinder(program, ports).run();
}

}  // namespace stepcast
