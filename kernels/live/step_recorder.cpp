#include "kernels/live/step_recorder.h"

namespace stepcast {
namespace {

struct NameOf {
  std::string operator()(const Compute& op) const { return std::string(info(op.kernel.kind).name); }
  std::string operator()(const Collective& op) const { return std::string(name_of(op.kind)); }
  std::string operator()(const Send&) const { return "send"; }
  std::string operator()(const Recv&) const { return "receive"; }
  std::string operator()(const auto&) const { return {}; }
};

std::vector<std::string> names_of(const Block& block) {
  std::vector<std::string> names;
  for (const Op& op : block.ops) {
    std::string name = std::visit(NameOf{}, op.what);
    if (!name.empty() && op.origin.layer >= 0)
      name += " of layer " + std::to_string(op.origin.layer);
    if (!name.empty()) name += " in " + block.name;
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

StepRecorder::StepRecorder(const Program& program, RankContext& context, LiveDevice& device)
    : program_(program), context_(context), device_(device) {
  for (const Block& block : program.blocks) names_.push_back(names_of(block));
}

void StepRecorder::begin_step(std::int64_t step) {
  context_.begin_operation("step " + std::to_string(step));
  step_ = step;
  ops_.clear();
  if (record_times_) device_.begin_stamps();
  if (!record_memory_) return;
  launches_.clear();
  collectives_.clear();
}

void StepRecorder::prepares(std::string_view weights) {
  context_.begin_operation("first values of " + std::string(weights));
}

void StepRecorder::begins(std::uint32_t call, std::uint32_t op) {
  const std::string& name = names_[program_.calls[call].block][op];
  if (name.empty()) return;
  context_.begin_operation(name);
  if (record_times_)
    ops_.push_back({.call = call, .op = op, .begin = device_.stamp(stream_of(call, op))});
}

void StepRecorder::ended(std::uint32_t call, std::uint32_t op) {
  if (record_times_ && !names_[program_.calls[call].block][op].empty())
    ops_.back().end = device_.stamp(stream_of(call, op));
}

Stream StepRecorder::stream_of(std::uint32_t call, std::uint32_t op) const {
  return program_.blocks[program_.calls[call].block].ops[op].stream;
}

std::vector<TimedOp> StepRecorder::ops() const {
  std::vector<TimedOp> ops;
  for (const Stamped& op : ops_)
    ops.push_back({.call = op.call,
                   .op = op.op,
                   .begin = device_.seconds(op.begin),
                   .end = op.end ? device_.seconds(*op.end) : 0});
  return ops;
}

void StepRecorder::waits() {
  if (device_.asynchronous())
    context_.begin_operation("step " + std::to_string(step_) + ", all of whose ops are issued");
}

void StepRecorder::computes(const Launch& launch) {
  if (!record_memory_) return;
  launches_.push_back({.kernel = &launch.kernel,
                       .arguments = &launch.arguments,
                       .operands = {launch.operands.begin(), launch.operands.end()},
                       .index = launch.index});
}

void StepRecorder::communicates(const Collective& op, std::span<const std::byte> from,
                                std::span<std::byte> to) {
  if (record_memory_) collectives_.push_back({&op, from, to});
}

}  // namespace stepcast
