#include "kernels/live/step_recorder.h"

#include "kernels/live/core_clock.h"

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

StepRecorder::StepRecorder(const Program& program, RankContext& context)
    : program_(program), context_(context) {
  for (const Block& block : program.blocks) names_.push_back(names_of(block));
}

void StepRecorder::begin_step(std::int64_t step) {
  context_.begin_operation("step " + std::to_string(step));
  ops_.clear();
  if (!record_memory_) return;
  launches_.clear();
  collectives_.clear();
}

void StepRecorder::begins(std::uint32_t call, std::uint32_t op) {
  const std::string& name = names_[program_.calls[call].block][op];
  if (name.empty()) return;
  context_.begin_operation(name);
  ops_.push_back({.call = call, .op = op, .begin = wall_seconds()});
}

void StepRecorder::ended(std::uint32_t call, std::uint32_t op) {
  if (!names_[program_.calls[call].block][op].empty()) ops_.back().end = wall_seconds();
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
