// The one way to append ops. Keeps names, checks ids as they are used (STEPCAST_CHECK).
//
//   ProgramBuilder builder("stage 0 of 1", 4);                       // four microbatches
//   const BufferId x = builder.buffer("x", Bytes{1024}, Dtype::kBf16,
//   BufferCategory::kActivations); const BlockId forward = builder.begin_block("forward.chunk0");
//   builder.alloc(x);
//   builder.compute(kernel, {weights}, {x});
//   builder.free(x);
//   for (std::uint32_t microbatch = 0; microbatch < 4; ++microbatch) builder.call(forward,
//   microbatch); const Program program = std::move(builder).finish();             // then
//   verify(program)
#pragma once

#include <string>
#include <vector>

#include "sim/base/error.h"
#include "sim/program/program.h"

namespace stepcast {

/// Builds one Program. Buffers and events are declared before the ops that name them, ops go to the
/// block opened last, and calls are listed in the order of issue. A wrong id, a negative size or an
/// op outside a block is our bug: InternalError.
class ProgramBuilder {
 public:
  ProgramBuilder(std::string name, std::uint32_t num_microbatches);

  /// Alive for the whole step; never allocated or freed.
  BufferId resident(std::string name, Bytes size, Dtype dtype, BufferCategory category,
                    AtStart at_start = AtStart::kKept, Scope scope = Scope::kStep);
  BufferId buffer(std::string name, Bytes size, Dtype dtype, BufferCategory category,
                  Scope scope = Scope::kMicrobatch);
  EventId event(std::string name, Scope scope = Scope::kMicrobatch);

  /// Ops are appended to the block opened last. Resets the origin.
  BlockId begin_block(std::string name);
  /// Layer and phase of the ops that follow.
  void set_origin(Origin origin) { origin_ = origin; }

  struct Order {
    std::vector<EventId> waits_for = {};
    EventId signals = kNone;
  };
  /// Kernels run on Stream::kCompute.
  void compute(Compute compute, Order order);
  /// Of a program that is only timed: buffers without saying which part, in no order.
  void compute(Kernel kernel, const std::vector<BufferId>& reads,
               const std::vector<BufferId>& writes, Order order);
  void compute(Kernel kernel, const std::vector<BufferId>& reads,
               const std::vector<BufferId>& writes);
  void collective(Stream stream, Collective collective, Order order);
  void send(Stream stream, Send send, Order order);
  void recv(Stream stream, Recv recv, Order order);
  void alloc(BufferId buffer);
  void free(BufferId buffer);
  /// A free that waits, as a stream-ordered free behind another stream's last use does: what
  /// follows on `stream` starts after it.
  void free(BufferId buffer, Stream stream, Order order);
  void host_wait(Stream stream);
  void host_work(HostTask task, std::uint32_t times = 1);

  void call(BlockId block, std::uint32_t microbatch);
  Bytes size_of(BufferId buffer) const;
  std::int64_t elements_of(BufferId buffer) const;
  /// All of a buffer, as one row.
  View whole(BufferId buffer) const;
  bool is_resident(BufferId buffer) const;

  /// For what stands beside ops: weights, batch, loss.
  Program& facts() { return program_; }

  Program finish() &&;

 private:
  void append(Stream stream, What what, Order order);
  void check_view(const View& view) const;
  Program program_;
  Origin origin_;
};

}  // namespace stepcast
