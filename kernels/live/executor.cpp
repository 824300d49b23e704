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
  Stream stream;

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
                        .step = executor.step_};
    if (executor.options_.observer) executor.options_.observer->computes(launch);
    executor.device_.launch(stream, launch);
  }

  void operator()(const Collective& op) const {
    std::vector<ExchangePart>& parts = executor.parts_;
    parts.clear();
    for (const CollectivePart& part : op.parts) {
      parts.push_back({.from = bytes(part.from), .to = bytes(part.to)});
      if (executor.options_.observer)
        executor.options_.observer->communicates(op, parts.back().from, parts.back().to);
    }
    rank().exchange->collective(stream, op.group, op.kind, parts, element_of(op.dtype), op.reduce);
  }

  void operator()(const Send& op) const {
    rank().exchange->send(stream, peer(op.peer), message(op.buffer, op.size, op.own_part));
  }
  void operator()(const Recv& op) const {
    rank().exchange->receive(stream, peer(op.peer), message(op.buffer, op.size, {}));
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
  void operator()(const HostWait&) const { executor.device_.wait(stream); }
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
      device_(*rank.device),
      plan_((check_runnable(program, device_.launchers()), plan_step(program))),
      arena_(program, plan_, device_) {
  initialise_residents();
  initialise_weights();
  initialise_master_copies();
}

/// Nothing is left to what memory held before.
void Executor::initialise_residents() {
  for (BufferId id = 0; id < program_.buffers.size(); ++id)
    if (program_.buffers[id].resident) {
      if (options_.observer) options_.observer->prepares(program_.buffers[id].name);
      for (std::uint32_t i = 0; i < instances(program_, program_.buffers[id]); ++i)
        device_.zero(Stream::kCompute, bytes_of(id, i));
    }
  device_.wait(Stream::kCompute);
}

void Executor::initialise_weights() {
  std::vector<float> shard;
  std::vector<std::byte> stored;
  for (const WeightTensor& tensor : program_.weights) {
    if (options_.observer) options_.observer->prepares(tensor.name);
    shard.resize(static_cast<std::size_t>(tensor.shape.elements()));
    initialise(tensor, rank_, options_.seed, shard);
    with_element_type(program_.buffers[tensor.parameters].dtype, [&]<typename T>() {
      stored.resize(shard.size() * sizeof(T));
      T* to = reinterpret_cast<T*>(stored.data());
      for (const float value : shard) store(*to++, value);
      device_.write(stored, arena_.at(tensor.parameters, 0) + tensor.offset * sizeof(T));
    });
  }
}

/// The update says which copy belongs to which weights: both stand in one piece, the weights first.
void Executor::initialise_master_copies() {
  const OpRunner run{*this, 0, Stream::kCompute};
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
        if (options_.observer)
          options_.observer->prepares(program_.buffers[update->operands[first].view.buffer].name);
        copy_widened(weight, master);
      }
    }
}

void Executor::copy_widened(const LiveOperand& weight, const LiveOperand& master) {
  with_element_type(weight.dtype, [&]<typename T>() {
    std::vector<T> narrow(static_cast<std::size_t>(weight.layout.elements()));
    device_.read(reinterpret_cast<const std::byte*>(elements<T>(weight)),
                 std::as_writable_bytes(std::span(narrow)));
    std::vector<float> wide(narrow.size());
    std::ranges::transform(narrow, wide.begin(), [](T value) { return widened(value); });
    device_.write(std::as_bytes(std::span(wide)), reinterpret_cast<std::byte*>(master.floats()));
  });
}

void Executor::begin_step(const BatchSource& source) {
  for (BufferId id = 0; id < program_.buffers.size(); ++id) {
    const Buffer& buffer = program_.buffers[id];
    if (!buffer.resident) continue;
    if (buffer.at_start == AtStart::kZero) device_.zero(Stream::kCompute, bytes_of(id, 0));
    if (buffer.at_start == AtStart::kTokens) fill_ids(id, source, 0);
    if (buffer.at_start == AtStart::kLabels) fill_ids(id, source, 1);
  }
  device_.wait(Stream::kCompute);
}

/// Program::batch says which sequences.
void Executor::fill_ids(BufferId buffer, const BatchSource& source, std::int64_t shift) {
  const Batch& batch = program_.batch;
  const std::int64_t replicas = rank_.size(batch.over), replica = rank_.index(batch.over);
  const std::int64_t per_step = program_.num_microbatches * replicas * batch.sequences;
  for (std::uint32_t k = 0; k < program_.num_microbatches; ++k) {
    ids_.clear();
    const std::int64_t first = (step_ - 1) * per_step + (k * replicas + replica) * batch.sequences;
    for (std::int64_t s = 0; s < batch.sequences; ++s)
      for (std::int64_t t = 0; t < batch.tokens; ++t)
        ids_.push_back(source.token(first + s, t + shift));
    device_.write(std::as_bytes(std::span(ids_)), arena_.at(buffer, k));
  }
}

void Executor::run_step(const BatchSource& source) {
  ++step_;
  arena_.begin_step();
  begin_step(source);
  auto set = plan_.set_after.begin(), wait = plan_.wait_before.begin();
  std::uint32_t flat = 0;
  for (std::uint32_t c = 0; c < program_.calls.size(); ++c) {
    const Call& call = program_.calls[c];
    const std::vector<Op>& ops = program_.blocks[call.block].ops;
    for (std::uint32_t i = 0; i < ops.size(); ++i, ++flat) {
      const Op& op = ops[i];
      for (const EventId event : op.waits_for)
        device_.hold(op.stream, plan_.mark_of(program_, event, call.microbatch));
      for (; wait != plan_.wait_before.end() && wait->op == flat; ++wait)
        device_.hold(op.stream, wait->mark);
      issue(c, i);
      if (op.signals != kNone)
        device_.mark(op.stream, plan_.mark_of(program_, op.signals, call.microbatch));
      for (; set != plan_.set_after.end() && set->op == flat; ++set)
        device_.mark(op.stream, set->mark);
    }
  }
  if (options_.observer) options_.observer->waits();
  device_.wait_for_all();
}

void Executor::issue(std::uint32_t call, std::uint32_t op) {
  const Op& what = program_.blocks[program_.calls[call].block].ops[op];
  OpObserver* const observer = options_.observer;
  if (observer) observer->begins(call, op);
  std::visit(OpRunner{*this, program_.calls[call].microbatch, what.stream}, what.what);
  if (observer) observer->ended(call, op);
}

double Executor::loss() const {
  return program_.loss == kNone ? 0 : static_cast<double>(floats(program_.loss)[0]);
}

std::vector<float> Executor::weight(const WeightTensor& tensor) const {
  return read_floats(tensor.parameters, tensor.offset, tensor.shape.elements());
}

std::vector<float> Executor::gradient(const WeightTensor& tensor) const {
  return read_floats(tensor.gradients, tensor.offset, tensor.shape.elements());
}

void Executor::set_weight(const WeightTensor& tensor, std::span<const float> values) {
  check_fp32(tensor.parameters);
  device_.write(
      std::as_bytes(values),
      arena_.at(tensor.parameters, 0) + tensor.offset * static_cast<std::int64_t>(sizeof(float)));
}

std::vector<float> Executor::floats(BufferId buffer) const {
  return read_floats(buffer, 0,
                     program_.buffers[buffer].size.value() / static_cast<int>(sizeof(float)));
}

std::vector<float> Executor::read_floats(BufferId buffer, std::int64_t offset,
                                         std::int64_t count) const {
  check_fp32(buffer);
  std::vector<float> values(static_cast<std::size_t>(count));
  device_.read(arena_.at(buffer, 0) + offset * static_cast<std::int64_t>(sizeof(float)),
               std::as_writable_bytes(std::span(values)));
  return values;
}

void Executor::check_fp32(BufferId buffer) const {
  STEPCAST_CHECK(size_of(program_.buffers[buffer].dtype) == sizeof(float),
                 program_.buffers[buffer].name + " is not fp32");
}

std::vector<std::byte> Executor::read(BufferId buffer) const {
  std::vector<std::byte> bytes(static_cast<std::size_t>(program_.buffers[buffer].size.value()));
  device_.read(arena_.at(buffer, 0), bytes);
  return bytes;
}

void Executor::write(BufferId buffer, std::span<const std::byte> bytes) {
  STEPCAST_CHECK(bytes.size() == bytes_of(buffer, 0).size(), "not as large as the buffer");
  device_.write(bytes, arena_.at(buffer, 0));
}

std::span<std::byte> Executor::bytes_of(BufferId buffer, std::uint32_t instance) const {
  return {arena_.at(buffer, instance),
          static_cast<std::size_t>(program_.buffers[buffer].size.value())};
}

}  // namespace stepcast
