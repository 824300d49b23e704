#include "sim/program/verify_operands.h"

#include <string>

#include "sim/program/op_text.h"

namespace stepcast {
namespace {

/// Checks the operands of one op.
class OperandCheck {
 public:
  OperandCheck(const Program& program, const Block& block, std::size_t op, Findings& findings)
      : program_(program), block_(block), op_(op), findings_(findings) {}

  void check(const Compute& compute) {
    const Signature& signature = signature_of(compute.kernel.kind);
    const std::size_t count = compute.operands.size(), slots = signature.slots.size();
    const std::size_t first = signature.repeated_from;
    const bool fits = signature.repeats() ? count >= slots && (count - first) % (slots - first) == 0
                                          : count == slots;
    if (!fits) return add("has " + std::to_string(count) + " operands of " + std::to_string(slots));
    for (std::size_t i = 0; i < count; ++i)
      check(compute.kernel, signature.slot(i), compute.operands[i]);
  }

  void check(const Collective& collective) {
    std::int64_t bytes = 0;
    const bool gathers = collective.kind == CollectiveKind::kAllGather;
    for (const CollectivePart& part : collective.parts) {
      if (part.from.buffer == kNone || part.to.buffer == kNone) return add("misses a buffer");
      for (const View* view : {&part.from, &part.to}) {
        if (!view->layout.contiguous()) add("has a part with gaps");
        check_inside(*view, "part");
      }
      const View& whole = gathers ? part.to : part.from;
      if (whole.own_part && collective.kind != CollectiveKind::kAllReduce)
        add("takes a part of the whole");
      bytes += whole.layout.elements() * size_of(program_.buffers[whole.buffer].dtype);
    }
    if (bytes != collective.size.value())
      add("has parts of " + std::to_string(bytes) + " B, but a size of " +
          std::to_string(collective.size.value()) + " B");
  }

 private:
  void check(const Kernel& kernel, const OperandSlot& slot, const Operand& operand) {
    const std::string name(slot.name);
    if (operand.view.buffer == kNone) {
      if (!slot.optional) add("misses operand " + name);
      return;
    }
    if (operand.access != slot.access) add("uses operand " + name + " in another way");
    if (operand.add && slot.access != Access::kWrite) add("adds to operand " + name);
    const Layout& layout = operand.view.layout;
    const bool rows_fit = slot.rows == Extent::kElements
                              ? layout.rows * layout.columns == kernel.dims[0]
                              : fits(kernel, slot.rows, layout.rows);
    if (!rows_fit || !fits(kernel, slot.columns, layout.columns))
      add("has operand " + name + " of " + std::to_string(layout.rows) + " x " +
          std::to_string(layout.columns));
    check_inside(operand.view, name);
  }

  static bool fits(const Kernel& kernel, Extent extent, std::int64_t size) {
    if (extent == Extent::kAny) return true;
    if (extent == Extent::kOne) return size == 1;
    return size == kernel.dims[static_cast<std::size_t>(extent)];
  }

  void check_inside(const View& view, const std::string& name) {
    const Buffer& buffer = program_.buffers[view.buffer];
    const std::int64_t held = buffer.size.value() / size_of(buffer.dtype);
    if (view.layout.offset < 0 || view.layout.end() > held)
      add("has " + name + " up to element " + std::to_string(view.layout.end()) + " of \"" +
          buffer.name + "\", which holds " + std::to_string(held));
  }

  void add(const std::string& message) {
    findings_.add([&] {
      return block_.name + " op " + std::to_string(op_) + " (" + short_name(block_.ops[op_]) +
             ") " + message;
    });
  }

  const Program& program_;
  const Block& block_;
  std::size_t op_;
  Findings& findings_;
};

bool inside(const Buffer& buffer, std::int64_t first, std::int64_t count) {
  return first >= 0 && (first + count) * size_of(buffer.dtype) <= buffer.size.value();
}

void check_weights(const Program& program, Findings& findings) {
  const auto in_range = [&](BufferId id) { return id < program.buffers.size(); };
  for (const WeightTensor& weight : program.weights) {
    const std::int64_t count = weight.shape.elements();
    if (!in_range(weight.parameters) || !in_range(weight.gradients) ||
        !inside(program.buffers[weight.parameters], weight.offset, count) ||
        !inside(program.buffers[weight.gradients], weight.offset, count))
      findings.add([&] { return "weight \"" + weight.name + "\" is not inside its buffers"; });
  }
}

}  // namespace

void check_operands(const Program& program, Findings& findings) {
  for (const Block& block : program.blocks)
    for (std::size_t op = 0; op < block.ops.size(); ++op) {
      OperandCheck check(program, block, op, findings);
      if (const auto* compute = std::get_if<Compute>(&block.ops[op].what))
        check.check(*compute);
      else if (const auto* collective = std::get_if<Collective>(&block.ops[op].what))
        check.check(*collective);
    }
  check_weights(program, findings);
}

}  // namespace stepcast
