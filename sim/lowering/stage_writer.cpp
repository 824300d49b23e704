#include "sim/lowering/stage_writer.h"

namespace stepcast {

StageWriter::StageWriter(std::string name, std::uint32_t num_microbatches)
    : builder_(std::move(name), num_microbatches),
      computed_(builder_.event("computed", Scope::kStep)) {}

BlockId StageWriter::begin_block(std::string name, std::vector<EventId> arrivals) {
  STEPCAST_CHECK(!held_.any && arrivals_.empty(), name + ": the block before was not ended");
  arrivals_ = std::move(arrivals);
  origin_ = {.phase = Phase::kOther};
  return builder_.begin_block(std::move(name));
}

std::vector<EventId> StageWriter::end_block() {
  waits_for_compute();
  flush();
  signalled_in_block_ = false;
  return std::exchange(arrivals_, {});
}

void StageWriter::set_origin(Phase phase, std::int64_t layer) {
  origin_ = {.phase = phase, .layer = static_cast<std::int16_t>(layer)};
}

void StageWriter::compute(Compute compute) {
  flush();
  held_.any = true;
  held_.compute = std::move(compute);
  held_.order = {.waits_for = std::exchange(arrivals_, {}), .signals = kNone};
  held_.origin = origin_;
}

void StageWriter::collective(CollectiveOp op, EventId done) {
  std::vector<EventId> waits = waits_for_compute();
  flush();
  builder_.set_origin(origin_);
  builder_.collective(op.stream,
                      {.kind = op.kind,
                       .group = op.group,
                       .size = op.size,
                       .dtype = op.dtype,
                       .reduce = op.reduce,
                       .parts = std::move(op.parts)},
                      {.waits_for = std::move(waits), .signals = done});
}

/// The held compute op signals; what has arrived but was not yet waited for counts as well.
std::vector<EventId> StageWriter::waits_for_compute() {
  std::vector<EventId> waits = arrivals_;
  if (held_.any) {
    held_.order.signals = computed_;
    signalled_in_block_ = true;
  }
  if (signalled_in_block_) waits.push_back(computed_);
  return waits;
}

void StageWriter::memory(bool is_alloc, BufferId buffer) {
  if (builder_.is_resident(buffer)) return;
  if (held_.any)
    held_.memory.emplace_back(is_alloc, buffer);
  else if (is_alloc)
    builder_.alloc(buffer);
  else
    builder_.free(buffer);
}

void StageWriter::alloc(BufferId buffer) { memory(true, buffer); }
void StageWriter::free(BufferId buffer) { memory(false, buffer); }

void StageWriter::host_wait(Stream stream) {
  flush();
  builder_.host_wait(stream);
}

void StageWriter::host_work(HostTask task, std::uint32_t times) {
  flush();
  builder_.host_work(task, times);
}

void StageWriter::flush() {
  if (!held_.any) return;
  held_.any = false;
  builder_.set_origin(held_.origin);
  builder_.compute(std::move(held_.compute), std::move(held_.order));
  for (const auto& [is_alloc, buffer] : held_.memory)
    is_alloc ? builder_.alloc(buffer) : builder_.free(buffer);
  held_.memory.clear();
  builder_.set_origin(origin_);
}

Program StageWriter::finish() && {
  flush();
  return std::move(builder_).finish();
}

}  // namespace stepcast
