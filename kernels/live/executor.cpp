#include "kernels/live/executor.h"

#include <algorithm>
#include <string>

#include "kernels/live/element_type.h"
#include "kernels/live/weights.h"

namespace stepcast {

/// Runs one op. Visited over all alternatives, so that a new one is noticed here.
struct OpRunner {
  Executor& executor;
  std::uint32_t microbatch;

  const Program& program() const { return executor.program_; }
  const LiveRank& rank() const { return executor.rank_; }

  /// The elements of `view` that are this rank's; no memory where there are none.
  LiveOperand live(const View& view) const {
    if (view.buffer == kNone) return {};
    if (view.first_only && rank().index(*view.first_only) != 0) return {};
    LiveOperand result{.memory = executor.arena_.at(view.buffer, microbatch),
                       .layout = view.layout,
                       .dtype = program().buffers[view.buffer].dtype};
    if (view.own_part) {
      const std::int64_t count = view.layout.elements() / rank().size(*view.own_part);
      result.layout =
          Layout::dense(1, count, view.layout.offset + rank().index(*view.own_part) * count);
    }
    return result;
  }

  std::span<std::byte> bytes(const View& view) const {
    const LiveOperand operand = live(view);
    const std::int64_t size = size_of(operand.dtype);
    return {operand.memory + operand.layout.offset * size,
            static_cast<std::size_t>(operand.layout.elements() * size)};
  }

  void operator()(const Compute& op) const {
    std::vector<LiveOperand>& operands = executor.operands_;
    operands.clear();
    for (const Operand& operand : op.operands) {
      operands.push_back(live(operand.view));
      operands.back().add = operand.add;
    }
    const Launch launch{.kernel = op.kernel,
                        .arguments = op.arguments,
                        .operands = operands,
                        .index = op.index_in ? rank().index(*op.index_in) : 0,
                        .adam = executor.options_.adam,
                        .step = executor.step_,
                        .device = executor.options_.device};
    if (executor.options_.observer) executor.options_.observer->computes(launch);
    executor.options_.launchers[static_cast<std::size_t>(op.kernel.kind)](launch);
  }

  void operator()(const Collective& op) const {
    for (const CollectivePart& part : op.parts) {
      const std::span<std::byte> from = bytes(part.from), to = bytes(part.to);
      if (executor.options_.observer) executor.options_.observer->communicates(op, from, to);
      rank().group(op.group)->run(op.kind, from, to, element_of(op.dtype), op.reduce);
    }
  }

  void operator()(const Send& op) const {
    rank().world->send(peer(op.peer), message(op.buffer, op.size, op.own_part));
  }
  void operator()(const Recv& op) const {
    rank().world->receive(peer(op.peer), message(op.buffer, op.size, {}));
  }
  int peer(Peer peer) const {
    return static_cast<int>(peer == Peer::kNext ? rank().next : rank().previous);
  }
  std::span<std::byte> message(BufferId buffer, Bytes size,
                               std::optional<GroupRole> own_part) const {
    std::byte* memory = executor.arena_.at(buffer, microbatch);
    if (own_part) memory += rank().index(*own_part) * size.value();
    return {memory, static_cast<std::size_t>(size.value())};
  }

  void operator()(const Alloc& op) const { executor.arena_.alloc(op.buffer, microbatch); }
  void operator()(const Free& op) const { executor.arena_.free(op.buffer, microbatch); }
  void operator()(const HostWait&) const {}
  void operator()(const HostWork&) const {}
};

void check_runnable(const Program& program, LauncherTable launchers) {
  const auto unsupported = [&](const std::string& why) {
    throw Error(ErrorKind::kUnsupported, program.name + " can't be run for real: " + why);
  };
  if (!program.timing_only.empty()) unsupported(program.timing_only);
  for (const Block& block : program.blocks)
    for (const Op& op : block.ops)
      if (const auto* compute = std::get_if<Compute>(&op.what)) {
        const Kernel& kernel = compute->kernel;
        const auto kind = static_cast<std::size_t>(kernel.kind);
        if (kind >= launchers.size() || launchers[kind] == nullptr)
          unsupported("the device has no kernel " + std::string(info(kernel.kind).name));
        if (kernel.dtype == Dtype::kFp16)
          unsupported(
              "gradients in fp16 vanish unless the loss is scaled, which programs don't do; set "
              "training.precision to \"bf16\" or \"fp32\"");
        if (kernel.dtype == Dtype::kFp8)
          unsupported("no tensor has a scale, which " + to_text(kernel) +
                      " needs; set training.precision to \"bf16\" or \"fp32\"");
      }
}

Executor::Executor(const Program& program, const LiveRank& rank, const ExecutorOptions& options)
    : program_(program),
      rank_(rank),
      options_(options),
      arena_((check_runnable(program, options.launchers), program)) {
  initialise_weights();
  initialise_master_copies();
}

void Executor::initialise_weights() {
  std::vector<float> shard;
  for (const WeightTensor& tensor : program_.weights) {
    shard.resize(static_cast<std::size_t>(tensor.shape.elements()));
    initialise(tensor, rank_, options_.seed, shard);
    with_element_type(program_.buffers[tensor.parameters].dtype, [&]<typename T>() {
      T* to = reinterpret_cast<T*>(arena_.at(tensor.parameters, 0)) + tensor.offset;
      for (const float value : shard) store(*to++, value);
    });
  }
}

/// The update says which copy belongs to which weights: both stand in one piece, the weights first.
void Executor::initialise_master_copies() {
  const OpRunner run{*this, 0};
  for (const Block& block : program_.blocks)
    for (const Op& op : block.ops) {
      const auto* update = std::get_if<Compute>(&op.what);
      if (!update) continue;
      const Signature& signature = signature_of(update->kernel.kind);
      for (std::size_t i = 0; i < update->operands.size(); ++i) {
        if (signature.slot(i).name != "master") continue;
        const std::size_t first = i + 1 + signature.repeated_from - signature.slots.size();
        const LiveOperand master = run.live(update->operands[i].view),
                          weight = run.live(update->operands[first].view);
        if (!master) continue;
        with_element_type(weight.dtype, [&]<typename T>() {
          const T* from = elements<T>(weight);
          for (std::int64_t e = 0; e < weight.layout.elements(); ++e)
            master.floats()[e] = widened(from[e]);
        });
      }
    }
}

void Executor::begin_step(const BatchSource& source) {
  for (BufferId id = 0; id < program_.buffers.size(); ++id) {
    const Buffer& buffer = program_.buffers[id];
    if (!buffer.resident) continue;
    if (buffer.at_start == AtStart::kZero)
      std::fill_n(arena_.at(id, 0), buffer.size.value(), std::byte{0});
    if (buffer.at_start == AtStart::kTokens) fill_ids(id, source, 0);
    if (buffer.at_start == AtStart::kLabels) fill_ids(id, source, 1);
  }
}

/// Program::batch says which sequences.
void Executor::fill_ids(BufferId buffer, const BatchSource& source, std::int64_t shift) {
  const Batch& batch = program_.batch;
  const std::int64_t replicas = rank_.size(batch.over), replica = rank_.index(batch.over);
  const std::int64_t per_step = program_.num_microbatches * replicas * batch.sequences;
  for (std::uint32_t k = 0; k < program_.num_microbatches; ++k) {
    auto* ids = reinterpret_cast<std::int32_t*>(arena_.at(buffer, k));
    const std::int64_t first = (step_ - 1) * per_step + (k * replicas + replica) * batch.sequences;
    for (std::int64_t s = 0; s < batch.sequences; ++s)
      for (std::int64_t t = 0; t < batch.tokens; ++t) *ids++ = source.token(first + s, t + shift);
  }
}

void Executor::run_step(const BatchSource& source) {
  ++step_;
  begin_step(source);
  OpObserver* const observer = options_.observer;
  for (std::uint32_t c = 0; c < program_.calls.size(); ++c) {
    const Call& call = program_.calls[c];
    const std::vector<Op>& ops = program_.blocks[call.block].ops;
    const OpRunner run{*this, call.microbatch};
    for (std::uint32_t i = 0; i < ops.size(); ++i) {
      if (observer) observer->begins(c, i);
      std::visit(run, ops[i].what);
      if (observer) observer->ended(c, i);
    }
  }
}

double Executor::loss() const {
  return program_.loss == kNone ? 0 : static_cast<double>(resident(program_.loss)[0]);
}

std::span<float> Executor::weight(const WeightTensor& tensor) const {
  return resident(tensor.parameters)
      .subspan(static_cast<std::size_t>(tensor.offset),
               static_cast<std::size_t>(tensor.shape.elements()));
}

std::span<float> Executor::gradient(const WeightTensor& tensor) const {
  return resident(tensor.gradients)
      .subspan(static_cast<std::size_t>(tensor.offset),
               static_cast<std::size_t>(tensor.shape.elements()));
}

std::span<std::byte> Executor::resident_bytes(BufferId buffer) const {
  return {arena_.at(buffer, 0), static_cast<std::size_t>(program_.buffers[buffer].size.value())};
}

std::span<float> Executor::resident(BufferId buffer) const {
  STEPCAST_CHECK(size_of(program_.buffers[buffer].dtype) == 4,
                 program_.buffers[buffer].name + " is not fp32");
  return {reinterpret_cast<float*>(arena_.at(buffer, 0)),
          static_cast<std::size_t>(program_.buffers[buffer].size.value() / 4)};
}

}  // namespace stepcast
