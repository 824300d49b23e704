#include "sim/program/op_text.h"

#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

/// "[x, layer0.qkv]"
template <typename Thing>
std::string names(const std::vector<Thing>& things, const std::vector<std::uint32_t>& ids) {
  std::string text = "[";
  for (const std::uint32_t id : ids) {
    if (text.size() > 1) text += ", ";
    text += things[id].name;
  }
  return text + "]";
}

/// Spells out one op; visited over all alternatives, so that a new one is noticed here.
struct OpWords {
  const Program& program;

  std::string buffer(BufferId id) const { return program.buffers[id].name; }
  /// "layer0.parameters[1024 + 384x128]"; only the name where all of a buffer is meant.
  std::string view(const View& view) const {
    const Buffer& held = program.buffers[view.buffer];
    const Layout& layout = view.layout;
    std::string text = held.name;
    if (layout.elements() * size_of(held.dtype) != held.size.value() || layout.transposed) {
      text += "[" + std::to_string(layout.offset) + " + " + std::to_string(layout.rows) + "x" +
              std::to_string(layout.columns) + (layout.transposed ? "'" : "");
      if (!layout.contiguous()) text += " by " + std::to_string(layout.row_stride);
      if (layout.matrices() > 1) text += " x " + std::to_string(layout.matrices());
      text += "]";
    }
    if (view.own_part) text += " part over " + std::string(name_of(*view.own_part));
    if (view.first_only) text += " first over " + std::string(name_of(*view.first_only));
    return text;
  }
  static void append(std::string& list, const std::string& word) {
    if (!list.empty()) list += ", ";
    list += word;
  }

  std::string operator()(const Compute& op) const {
    std::string reads, writes;
    for (const Operand& operand : op.operands) {
      if (operand.view.buffer == kNone) continue;
      const std::string text = view(operand.view);
      if (operand.access != Access::kWrite) append(reads, text);
      if (operand.access != Access::kRead) append(writes, (operand.add ? "+" : "") + text);
    }
    std::string text = to_text(op.kernel) + " [" + reads + "] -> [" + writes + "]";
    if (op.index_in) text += " by index in " + std::string(name_of(*op.index_in));
    return text;
  }
  std::string operator()(const Collective& op) const {
    std::string from, to;
    for (const CollectivePart& part : op.parts) {
      if (part.from.buffer != kNone) append(from, view(part.from));
      if (part.to.buffer != kNone) append(to, view(part.to));
    }
    return std::string(name_of(op.kind)) + (op.reduce == ReduceOp::kMax ? " (max)" : "") +
           " over " + std::string(name_of(op.group)) + " " + to_text(op.size) + " " +
           std::string(name_of(op.dtype)) + " [" + from + "] -> [" + to + "]";
  }
  std::string operator()(const Send& op) const {
    return "send to " + std::string(name_of(op.peer)) + " tag " + std::to_string(op.tag) + " " +
           to_text(op.size) + " [" + buffer(op.buffer) + "]" +
           (op.own_part ? " part over " + std::string(name_of(*op.own_part)) : "");
  }
  std::string operator()(const Recv& op) const {
    return "recv from " + std::string(name_of(op.peer)) + " tag " + std::to_string(op.tag) + " " +
           to_text(op.size) + " -> [" + buffer(op.buffer) + "]";
  }
  std::string operator()(const Alloc& op) const { return "alloc " + buffer(op.buffer); }
  std::string operator()(const Free& op) const { return "free " + buffer(op.buffer); }
  std::string operator()(const HostWait&) const { return "host_wait"; }
  std::string operator()(const HostWork& op) const {
    return "host_work " + std::string(name_of(op.what)) +
           (op.times == 1 ? "" : " x " + std::to_string(op.times));
  }
};

struct ShortWords {
  std::string operator()(const Compute& op) const { return std::string(info(op.kernel.kind).name); }
  std::string operator()(const Collective& op) const {
    return std::string(name_of(op.kind)) + " over " + std::string(name_of(op.group));
  }
  std::string operator()(const Send& op) const {
    return "send to " + std::string(name_of(op.peer));
  }
  std::string operator()(const Recv& op) const {
    return "recv from " + std::string(name_of(op.peer));
  }
  std::string operator()(const Alloc&) const { return "alloc"; }
  std::string operator()(const Free&) const { return "free"; }
  std::string operator()(const HostWait&) const { return "host_wait"; }
  std::string operator()(const HostWork&) const { return "host_work"; }
};

}  // namespace

std::string_view name_of(Stream stream) {
  switch (stream) {
    case Stream::kCompute:
      return "compute";
    case Stream::kTensor:
      return "tensor";
    case Stream::kData:
      return "data";
    case Stream::kEmbedding:
      return "embedding";
    case Stream::kSendNext:
      return "send_next";
    case Stream::kRecvPrevious:
      return "recv_previous";
    case Stream::kSendPrevious:
      return "send_previous";
    case Stream::kRecvNext:
      return "recv_next";
  }
  return "";
}

std::string_view name_of(GroupRole role) {
  switch (role) {
    case GroupRole::kTensor:
      return "tensor";
    case GroupRole::kData:
      return "data";
    case GroupRole::kEmbedding:
      return "embedding";
    case GroupRole::kModel:
      return "model";
  }
  return "";
}

std::string_view name_of(Peer peer) { return peer == Peer::kNext ? "next" : "previous"; }

std::string_view name_of(BufferCategory category) {
  switch (category) {
    case BufferCategory::kParameters:
      return "parameters";
    case BufferCategory::kGradients:
      return "gradients";
    case BufferCategory::kOptimizerState:
      return "optimizer_state";
    case BufferCategory::kActivations:
      return "activations";
    case BufferCategory::kWorkspace:
      return "workspace";
    case BufferCategory::kCommunication:
      return "communication";
  }
  return "";
}

std::string_view name_of(Phase phase) {
  switch (phase) {
    case Phase::kForward:
      return "forward";
    case Phase::kBackward:
      return "backward";
    case Phase::kRecompute:
      return "recompute";
    case Phase::kGradientSync:
      return "gradient_sync";
    case Phase::kOptimizer:
      return "optimizer";
    case Phase::kOther:
      return "other";
  }
  return "";
}

std::string_view name_of(HostTask task) {
  switch (task) {
    case HostTask::kMicrobatch:
      return "microbatch";
    case HostTask::kStep:
      return "step";
    case HostTask::kShard:
      return "shard";
  }
  return "";
}

std::string short_name(const Op& op) { return std::visit(ShortWords{}, op.what); }

std::string to_text(const Program& program, const Op& op) {
  std::string text = std::visit(OpWords{program}, op.what);
  if (!op.waits_for.empty()) text += " waits " + names(program.events, op.waits_for);
  if (op.signals != kNone) text += " signals " + program.events[op.signals].name;
  return text;
}

std::string place_of(const Program& program, std::uint32_t call, std::uint32_t op) {
  const Call& at = program.calls[call];
  const Block& block = program.blocks[at.block];
  return block.name + " op " + std::to_string(op) + " (" + short_name(block.ops[op]) +
         "), microbatch " + std::to_string(at.microbatch);
}

}  // namespace stepcast
