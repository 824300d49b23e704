#include "sim/program/verify_ids.h"

#include <string>

#include "sim/base/quantity_text.h"
#include "sim/program/op_text.h"

namespace stepcast {
namespace {

/// Checks one op of one block. The alternatives are visited, so that a new one is noticed here.
class OpIds {
 public:
  OpIds(const Program& program, const Block& block, std::size_t op, Findings& findings)
      : program_(program), block_(block), op_(op), findings_(findings) {}

  void check(const Op& op) {
    require(static_cast<int>(op.stream) < kNumStreams, "stream",
            static_cast<std::uint32_t>(op.stream));
    for (const EventId event : op.waits_for) check_event(event);
    if (op.signals != kNone) check_event(op.signals);
    std::visit(*this, op.what);
  }

  void operator()(const Compute& op) {
    for (const Operand& operand : op.operands) check_view(operand.view);
  }
  void operator()(const Collective& op) {
    for (const CollectivePart& part : op.parts) {
      check_view(part.from);
      check_view(part.to);
    }
    require(static_cast<int>(op.group) < kNumGroupRoles, "group role",
            static_cast<std::uint32_t>(op.group));
    check_size(op.size);
  }
  void operator()(const Send& op) { check_message(op.size, op.buffer); }
  void operator()(const Recv& op) { check_message(op.size, op.buffer); }
  void operator()(const Alloc& op) { check_not_resident(op.buffer); }
  void operator()(const Free& op) { check_not_resident(op.buffer); }
  void operator()(const HostWait&) {}
  void operator()(const HostWork&) {}

 private:
  bool require(bool in_range, const char* what, std::uint32_t id) {
    if (!in_range) add("has no " + std::string(what) + " " + std::to_string(id));
    return in_range;
  }
  void add(const std::string& message) {
    findings_.add([&] { return block_.name + " op " + std::to_string(op_) + ": " + message; });
  }
  bool check_buffer(BufferId id) { return require(id < program_.buffers.size(), "buffer", id); }
  void check_view(const View& view) {
    if (view.buffer != kNone) check_buffer(view.buffer);
  }
  void check_event(EventId id) { require(id < program_.events.size(), "event", id); }
  void check_size(Bytes size) {
    if (size < Bytes{0}) add("has the negative size " + std::to_string(size.value()) + " B");
  }
  void check_message(Bytes size, BufferId buffer) {
    check_size(size);
    if (!check_buffer(buffer)) return;
    const Buffer& held = program_.buffers[buffer];
    if (size > held.size)
      add("moves " + to_text(size) + ", but \"" + held.name + "\" holds " + to_text(held.size));
  }
  void check_not_resident(BufferId buffer) {
    if (check_buffer(buffer) && program_.buffers[buffer].resident)
      add("takes or gives back the resident buffer \"" + program_.buffers[buffer].name + "\"");
  }

  const Program& program_;
  const Block& block_;
  std::size_t op_;
  Findings& findings_;
};

void check_buffers(const Program& program, Findings& findings) {
  for (const Buffer& buffer : program.buffers) {
    if (buffer.size < Bytes{0})
      findings.add([&] {
        return "buffer \"" + buffer.name + "\" has the negative size " +
               std::to_string(buffer.size.value()) + " B";
      });
  }
}

void check_calls(const Program& program, Findings& findings) {
  for (std::size_t i = 0; i < program.calls.size(); ++i) {
    const Call& call = program.calls[i];
    if (call.block >= program.blocks.size())
      findings.add([&] {
        return "call " + std::to_string(i) + ": there is no block " + std::to_string(call.block);
      });
    if (call.microbatch >= program.num_microbatches)
      findings.add([&] {
        return "call " + std::to_string(i) + ": microbatch " + std::to_string(call.microbatch) +
               " of " + std::to_string(program.num_microbatches);
      });
  }
}

}  // namespace

void check_ids(const Program& program, Findings& findings) {
  check_buffers(program, findings);
  for (const Block& block : program.blocks)
    for (std::size_t op = 0; op < block.ops.size(); ++op)
      OpIds(program, block, op, findings).check(block.ops[op]);
  check_calls(program, findings);
}

}  // namespace stepcast
