#include "sim/program/text.h"

#include "sim/base/quantity_text.h"
#include "sim/program/op_text.h"

namespace stepcast {
namespace {

void pad_to(std::string& text, std::size_t width) {
  if (text.size() < width) text.append(width - text.size(), ' ');
}

std::string scope_text(const Buffer& buffer) {
  if (buffer.resident) return " resident";
  return buffer.scope == Scope::kStep ? " once per step" : "";
}

void append_category(std::string& text, const Program& program, BufferCategory category) {
  Bytes resident, others;
  std::string rows;
  for (const Buffer& buffer : program.buffers) {
    if (buffer.category != category) continue;
    (buffer.resident ? resident : others) += buffer.size;
    rows += "  " + buffer.name + " " + to_text(buffer.size) + " " +
            std::string(name_of(buffer.dtype)) + scope_text(buffer) + "\n";
  }
  if (rows.empty()) return;
  text += "\n" + std::string(name_of(category)) + ": " + to_text(resident) + " resident, " +
          to_text(others) + " allocated\n" + rows;
}

void append_block(std::string& text, const Program& program, const Block& block) {
  text += "\nblock " + block.name + "\n";
  for (std::size_t i = 0; i < block.ops.size(); ++i) {
    std::string row = "  " + std::to_string(i);
    pad_to(row, 7);
    row += name_of(block.ops[i].stream);
    pad_to(row, 22);
    text += row + to_text(program, block.ops[i]) + "\n";
  }
}

/// Calls that repeat: `period` calls whose blocks come again `rounds` times, microbatches one
/// higher each time. The steady part of 1F1B has period 2.
struct Run {
  std::size_t period = 1;
  std::size_t rounds = 1;
  std::size_t length() const { return period * rounds; }
};

std::size_t rounds_of(const std::vector<Call>& calls, std::size_t first, std::size_t period) {
  std::size_t at = first + period;
  while (at < calls.size() && calls[at].block == calls[at - period].block &&
         calls[at].microbatch == calls[at - period].microbatch + 1)
    ++at;
  return (at - first) / period;
}

/// The run that covers most calls from `first` on, the shortest period among equals.
Run longest_run(const std::vector<Call>& calls, std::size_t first) {
  constexpr std::size_t kMaxPeriod = 4;
  Run best;
  for (std::size_t period = 1; period <= kMaxPeriod && first + period <= calls.size(); ++period) {
    const Run run{.period = period, .rounds = rounds_of(calls, first, period)};
    if ((period == 1 || run.rounds > 1) && run.length() > best.length()) best = run;
  }
  return best;
}

void append_calls(std::string& text, const Program& program) {
  text += "\ncalls\n";
  const std::vector<Call>& calls = program.calls;
  for (std::size_t first = 0; first < calls.size();) {
    const Run run = longest_run(calls, first);
    text += "  ";
    for (std::size_t i = 0; i < run.period; ++i) {
      const Call& call = calls[first + i];
      text += (i == 0 ? "" : " and ") + program.blocks[call.block].name + " microbatch " +
              std::to_string(call.microbatch);
      if (run.rounds > 1) text += ".." + std::to_string(call.microbatch + run.rounds - 1);
    }
    text += run.period > 1 ? " in turn\n" : "\n";
    first += run.length();
  }
}

}  // namespace

std::string to_text(const Program& program) {
  std::string text = "program " + program.name + ", " + std::to_string(program.num_microbatches) +
                     (program.num_microbatches == 1 ? " microbatch\n" : " microbatches\n");
  for (int category = 0; category < kNumBufferCategories; ++category)
    append_category(text, program, static_cast<BufferCategory>(category));
  for (const Block& block : program.blocks) append_block(text, program, block);
  append_calls(text, program);
  return text;
}

}  // namespace stepcast
