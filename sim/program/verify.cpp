#include "sim/program/verify.h"

#include "sim/program/findings.h"
#include "sim/program/instances.h"
#include "sim/program/op_text.h"
#include "sim/program/stream_order.h"
#include "sim/program/verify_ids.h"
#include "sim/program/verify_operands.h"
#include "sim/program/written_columns.h"

namespace stepcast {
namespace {

/// The life of one buffer instance so far.
struct BufferState {
  bool alive = false;
  WrittenColumns written;
  Stream writer{};             ///< of the last write
  std::uint32_t position = 0;  ///< of the last write on its stream
  StreamClock read;            ///< last read since then, by stream
};

struct EventState {
  bool signalled = false;
  StreamClock clock;  ///< what has ended when the event is reached
};

/// Follows every expanded op in the order of issue. One pass; state per buffer and event instance.
class ProgramWalk {
 public:
  ProgramWalk(const Program& program, Findings& findings)
      : program_(program),
        findings_(findings),
        buffer_index_(program.buffers, called_microbatches(program)),
        event_index_(program.events, called_microbatches(program)),
        buffers_(buffer_index_.size()),
        events_(event_index_.size()) {
    for (BufferId id = 0; id < program.buffers.size(); ++id)
      if (program.buffers[id].resident) find_in_place(id);
  }

  void run() {
    for (call_ = 0; call_ < program_.calls.size(); ++call_) {
      const std::vector<Op>& ops = program_.blocks[program_.calls[call_].block].ops;
      for (op_ = 0; op_ < ops.size(); ++op_) visit(ops[op_]);
    }
    check_all_freed();
  }

  void operator()(const Compute& op) {
    for (const Operand& operand : op.operands)
      if (operand.access != Access::kWrite || operand.add) read(operand.view);
    for (const Operand& operand : op.operands)
      if (operand.access != Access::kRead) write(operand.view);
  }
  void operator()(const Collective& op) {
    for (const CollectivePart& part : op.parts) read(part.from);
    for (const CollectivePart& part : op.parts) write(part.to);
  }
  void operator()(const Send& op) { read(op.buffer); }
  void operator()(const Recv& op) { write(op.buffer); }
  void operator()(const Alloc& op) {
    BufferState& state = state_of(op.buffer);
    if (state.alive) add(op.buffer, "is allocated a second time");
    state = {};
    state.alive = true;
  }
  void operator()(const Free& op) {
    BufferState& state = state_of(op.buffer);
    if (!state.alive) add(op.buffer, "is freed, but is not allocated");
    state.alive = false;
  }
  void operator()(const HostWait&) { order_.host_wait(stream_); }
  void operator()(const HostWork&) {}

 private:
  std::uint32_t microbatch() const { return program_.calls[call_].microbatch; }
  BufferState& state_of(BufferId id) { return buffers_[buffer_index_(id, microbatch())]; }

  /// What a step finds there (weights, optimizer state, input tokens) was written before it.
  void find_in_place(BufferId id) {
    const Buffer& buffer = program_.buffers[id];
    const std::uint32_t instances = buffer.scope == Scope::kStep ? 1 : called_microbatches_;
    for (std::uint32_t m = 0; m < instances; ++m) {
      BufferState& state = buffers_[buffer_index_(id, m)];
      state.alive = true;
      if (buffer.at_start != AtStart::kNothing) state.written.add({});
    }
  }

  void visit(const Op& op) {
    stream_ = op.stream;
    for (const EventId event : op.waits_for) wait(event);
    position_ = order_.issue(stream_);
    std::visit(*this, op.what);
    if (op.signals != kNone)
      events_[event_index_(op.signals, microbatch())] = {.signalled = true,
                                                         .clock = order_.drained(stream_)};
  }

  void wait(EventId id) {
    const EventState& event = events_[event_index_(id, microbatch())];
    if (event.signalled)
      order_.wait(stream_, event.clock);
    else
      findings_.add([&] {
        return place() + " waits for \"" + program_.events[id].name +
               "\", which nothing before it signals";
      });
  }

  void read(const View& view) {
    if (view.buffer != kNone) read(view.buffer, view.layout.covered());
  }
  void write(const View& view) {
    if (view.buffer != kNone) write(view.buffer, view.layout.covered());
  }
  void read(BufferId id) { read(id, {}); }
  void write(BufferId id) { write(id, {}); }

  void read(BufferId id, const Layout::Columns& columns) {
    BufferState& state = state_of(id);
    if (!state.alive)
      add(id, "is read, but is not allocated");
    else if (!state.written.covers(columns))
      add(id, "is read before anything was written to it");
    check_after_write(id, state, "is read");
    state.read[stream_] = position_;
  }

  void write(BufferId id, const Layout::Columns& columns) {
    BufferState& state = state_of(id);
    if (!state.alive) add(id, "is written, but is not allocated");
    check_after_write(id, state, "is overwritten");
    for (int s = 0; s < kNumStreams; ++s)
      if (const Stream reader{static_cast<std::uint8_t>(s)};
          !order_.ordered(reader, state.read[reader], stream_))
        add_race(id, "is overwritten", "may still be read", reader);
    state.written.add(columns);
    state.writer = stream_;
    state.position = position_;
    state.read = {};
  }

  void check_after_write(BufferId id, const BufferState& state, const char* verb) {
    if (!order_.ordered(state.writer, state.position, stream_))
      add_race(id, verb, "was written", state.writer);
  }

  void check_all_freed() {
    for (BufferId id = 0; id < program_.buffers.size(); ++id) {
      const Buffer& buffer = program_.buffers[id];
      if (buffer.resident) continue;
      const std::uint32_t instances = buffer.scope == Scope::kStep ? 1 : called_microbatches_;
      for (std::uint32_t m = 0; m < instances; ++m)
        if (buffers_[buffer_index_(id, m)].alive) add_never_freed(buffer, m);
    }
  }

  std::string place() const { return place_of(program_, call_, op_); }
  void add(BufferId id, const char* what) {
    findings_.add(
        [&] { return place() + ": \"" + program_.buffers[id].name + "\" " + std::string(what); });
  }
  void add_race(BufferId id, const char* what, const char* other, Stream stream) {
    findings_.add([&] {
      return place() + ": \"" + program_.buffers[id].name + "\" " + what + " on stream " +
             std::string(name_of(stream_)) + " and " + other + " on stream " +
             std::string(name_of(stream)) + ", without an event between";
    });
  }
  void add_never_freed(const Buffer& buffer, std::uint32_t microbatch) {
    findings_.add([&] {
      return "\"" + buffer.name + "\" of microbatch " + std::to_string(microbatch) +
             " is never freed";
    });
  }

  const Program& program_;
  Findings& findings_;
  const std::uint32_t called_microbatches_ = called_microbatches(program_);
  InstanceIndex buffer_index_;
  InstanceIndex event_index_;
  std::vector<BufferState> buffers_;
  std::vector<EventState> events_;
  StreamOrder order_;
  // The op at hand.
  std::uint32_t call_ = 0;
  std::uint32_t op_ = 0;
  Stream stream_{};
  std::uint32_t position_ = 0;
};

}  // namespace

std::vector<std::string> verify(const Program& program) {
  Findings findings;
  check_ids(program, findings);
  if (findings.empty() && program.timing_only.empty()) check_operands(program, findings);
  if (findings.empty()) ProgramWalk(program, findings).run();
  return findings.take();
}

}  // namespace stepcast
