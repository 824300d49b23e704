#include "sim/program/builder.h"

#include <utility>

namespace stepcast {
namespace {

void check_ids(const std::vector<std::uint32_t>& ids, std::size_t count, const char* what) {
  for (const std::uint32_t id : ids)
    STEPCAST_CHECK(id < count,
                   std::string(what) + " " + std::to_string(id) + " was never declared");
}

}  // namespace

ProgramBuilder::ProgramBuilder(std::string name, std::uint32_t num_microbatches) {
  STEPCAST_CHECK(num_microbatches >= 1, name + ": a step has at least one microbatch");
  program_.name = std::move(name);
  program_.num_microbatches = num_microbatches;
}

BufferId ProgramBuilder::resident(std::string name, Bytes size, Dtype dtype,
                                  BufferCategory category, AtStart at_start, Scope scope) {
  const BufferId id = buffer(std::move(name), size, dtype, category, scope);
  program_.buffers.back().resident = true;
  program_.buffers.back().at_start = at_start;
  return id;
}

BufferId ProgramBuilder::buffer(std::string name, Bytes size, Dtype dtype, BufferCategory category,
                                Scope scope) {
  STEPCAST_CHECK(size >= Bytes{0}, name + " has a negative size");
  program_.buffers.push_back({.name = std::move(name),
                              .size = size,
                              .dtype = dtype,
                              .category = category,
                              .scope = scope});
  return static_cast<BufferId>(program_.buffers.size() - 1);
}

EventId ProgramBuilder::event(std::string name, Scope scope) {
  program_.events.push_back({.name = std::move(name), .scope = scope});
  return static_cast<EventId>(program_.events.size() - 1);
}

BlockId ProgramBuilder::begin_block(std::string name) {
  program_.blocks.push_back({.name = std::move(name), .ops = {}});
  origin_ = {};
  return static_cast<BlockId>(program_.blocks.size() - 1);
}

void ProgramBuilder::append(Stream stream, What what, Order order) {
  STEPCAST_CHECK(!program_.blocks.empty(), program_.name + ": no block is open");
  check_ids(order.waits_for, program_.events.size(), "event");
  if (order.signals != kNone) check_ids({order.signals}, program_.events.size(), "event");
  program_.blocks.back().ops.push_back({.stream = stream,
                                        .signals = order.signals,
                                        .waits_for = std::move(order.waits_for),
                                        .what = std::move(what),
                                        .origin = origin_});
}

void ProgramBuilder::compute(Compute compute, Order order) {
  for (const Operand& operand : compute.operands) check_view(operand.view);
  append(Stream::kCompute, std::move(compute), std::move(order));
}

void ProgramBuilder::compute(Kernel kernel, const std::vector<BufferId>& reads,
                             const std::vector<BufferId>& writes, Order order) {
  Compute op{.kernel = kernel};
  for (const BufferId id : reads)
    op.operands.push_back({.view = whole(id), .access = Access::kRead});
  for (const BufferId id : writes)
    op.operands.push_back({.view = whole(id), .access = Access::kWrite});
  compute(std::move(op), std::move(order));
}

void ProgramBuilder::compute(Kernel kernel, const std::vector<BufferId>& reads,
                             const std::vector<BufferId>& writes) {
  compute(kernel, reads, writes, {});
}

void ProgramBuilder::collective(Stream stream, Collective collective, Order order) {
  for (const CollectivePart& part : collective.parts) {
    check_view(part.from);
    check_view(part.to);
  }
  append(stream, std::move(collective), std::move(order));
}

void ProgramBuilder::send(Stream stream, Send send, Order order) {
  check_ids({send.buffer}, program_.buffers.size(), "buffer");
  append(stream, send, std::move(order));
}

void ProgramBuilder::recv(Stream stream, Recv recv, Order order) {
  check_ids({recv.buffer}, program_.buffers.size(), "buffer");
  append(stream, recv, std::move(order));
}

void ProgramBuilder::alloc(BufferId buffer) {
  check_ids({buffer}, program_.buffers.size(), "buffer");
  append(Stream::kCompute, Alloc{buffer}, {});
}

void ProgramBuilder::free(BufferId buffer) { free(buffer, Stream::kCompute, {}); }

void ProgramBuilder::free(BufferId buffer, Stream stream, Order order) {
  check_ids({buffer}, program_.buffers.size(), "buffer");
  append(stream, Free{buffer}, std::move(order));
}

void ProgramBuilder::host_wait(Stream stream) { append(stream, HostWait{}, {}); }

void ProgramBuilder::host_work(HostTask task, std::uint32_t times) {
  append(Stream::kCompute, HostWork{.what = task, .times = times}, {});
}

void ProgramBuilder::call(BlockId block, std::uint32_t microbatch) {
  check_ids({block}, program_.blocks.size(), "block");
  STEPCAST_CHECK(microbatch < program_.num_microbatches,
                 "microbatch " + std::to_string(microbatch) + " of " +
                     std::to_string(program_.num_microbatches));
  program_.calls.push_back({.block = block, .microbatch = microbatch});
}

bool ProgramBuilder::is_resident(BufferId buffer) const {
  STEPCAST_CHECK(buffer < program_.buffers.size(), "unknown buffer");
  return program_.buffers[buffer].resident;
}

Bytes ProgramBuilder::size_of(BufferId buffer) const {
  check_ids({buffer}, program_.buffers.size(), "buffer");
  return program_.buffers[buffer].size;
}

std::int64_t ProgramBuilder::elements_of(BufferId buffer) const {
  const Bytes size = size_of(buffer);  // and whether there is such a buffer
  return size.value() / stepcast::size_of(program_.buffers[buffer].dtype);
}

View ProgramBuilder::whole(BufferId buffer) const {
  return {.buffer = buffer, .layout = Layout::dense(1, elements_of(buffer))};
}

void ProgramBuilder::check_view(const View& view) const {
  if (view.buffer != kNone) check_ids({view.buffer}, program_.buffers.size(), "buffer");
}

Program ProgramBuilder::finish() && { return std::move(program_); }

}  // namespace stepcast
