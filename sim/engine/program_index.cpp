#include "sim/engine/program_index.h"

#include "sim/program/instances.h"

namespace stepcast {
namespace {

BlockIndex index_block(const Block& block) {
  BlockIndex index;
  index.ops.reserve(block.ops.size());
  for (const Op& op : block.ops) {
    BlockIndex::OpIndex entry;
    entry.first_wait = index.num_waits;
    index.num_waits += static_cast<std::uint32_t>(op.waits_for.size());
    if (op.signals != kNone) entry.signal = index.num_signals++;
    if (const auto port = port_of(op.what)) {
      entry.port = *port;
      entry.ordinal = index.uses[static_cast<int>(*port)]++;
    }
    entry.orders_streams = orders_streams(op);
    index.ops.push_back(entry);
  }
  return index;
}

}  // namespace

std::optional<Port> port_of(const What& what) {
  if (const auto* collective = std::get_if<Collective>(&what))
    return static_cast<Port>(collective->group);
  if (const auto* send = std::get_if<Send>(&what))
    return send->peer == Peer::kNext ? Port::kSendNext : Port::kSendPrevious;
  if (const auto* recv = std::get_if<Recv>(&what))
    return recv->peer == Peer::kNext ? Port::kRecvNext : Port::kRecvPrevious;
  return std::nullopt;
}

bool takes_time(const What& what) {
  return std::holds_alternative<Compute>(what) || port_of(what).has_value();
}

bool orders_streams(const Op& op) {
  return takes_time(op.what) || !op.waits_for.empty() || op.signals != kNone;
}

std::vector<std::uint32_t> ordering_ops(const Block& block) {
  std::vector<std::uint32_t> positions;
  for (std::uint32_t position = 0; position < block.ops.size(); ++position) {
    const Op& op = block.ops[position];
    if (!op.waits_for.empty() || op.signals != kNone || port_of(op.what) ||
        std::holds_alternative<HostWait>(op.what))
      positions.push_back(position);
  }
  return positions;
}

TransferKey transfer_of(const Collective& collective) {
  return {.message = false,
          .kind = collective.kind,
          .size = collective.size,
          .dtype = collective.dtype};
}
TransferKey transfer_of(const Send& send) {
  return {.message = true, .kind = {}, .size = send.size, .dtype = {}};
}
TransferKey transfer_of(const Recv& recv) {
  return {.message = true, .kind = {}, .size = recv.size, .dtype = {}};
}

ProgramIndex::ProgramIndex(const Program& program) {
  std::vector<std::vector<std::uint32_t>> ordering;
  for (const Block& block : program.blocks) {
    blocks_.push_back(index_block(block));
    ordering.push_back(ordering_ops(block));
  }
  const InstanceIndex instances(program.events, program.num_microbatches);
  std::vector<std::uint32_t> latest(instances.size(), kNone);
  for (const Call& call : program.calls) {
    const BlockIndex& index = blocks_[call.block];
    calls_.push_back({.first_signal = num_slots_,
                      .first_wait = static_cast<std::uint32_t>(awaited_.size()),
                      .first_use = uses_});
    for (std::uint32_t position : ordering[call.block]) {
      const Op& op = program.blocks[call.block].ops[position];
      for (EventId event : op.waits_for)
        awaited_.push_back(latest[instances(event, call.microbatch)]);
      if (op.signals != kNone) latest[instances(op.signals, call.microbatch)] = num_slots_++;
    }
    for (int port = 0; port < kNumPorts; ++port) uses_[port] += index.uses[port];
  }
}

}  // namespace stepcast
