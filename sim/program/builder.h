// The one way to append ops. Keeps names, checks ids as they are used (STEPCAST_CHECK).
#pragma once

#include <string>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

/// Builds one Program. Buffers and events are declared first, then blocks are filled op by op, then
/// calls are listed.
class ProgramBuilder {
 public:
  ProgramBuilder(std::string name, std::uint32_t num_microbatches);

  /// Alive for the whole step; never allocated or freed.
  BufferId resident(std::string name, Bytes size, Dtype dtype, BufferCategory category);
  BufferId buffer(std::string name, Bytes size, Dtype dtype, BufferCategory category,
                  Scope scope = Scope::kMicrobatch);
  EventId event(std::string name, Scope scope = Scope::kMicrobatch);

  /// Ops are appended to the block opened last.
  BlockId begin_block(std::string name);
  /// Layer and phase of the ops that follow.
  void set_origin(Origin origin) { origin_ = origin; }

  struct Order {
    std::vector<EventId> waits_for = {};
    EventId signals = kNone;
  };
  void compute(Kernel kernel, std::vector<BufferId> reads, std::vector<BufferId> writes, Order order);
  void compute(Kernel kernel, std::vector<BufferId> reads, std::vector<BufferId> writes);
  void collective(Stream stream, Collective collective, Order order);
  void send(Stream stream, Send send, Order order);
  void recv(Stream stream, Recv recv, Order order);
  void alloc(BufferId buffer);
  void free(BufferId buffer);
  void host_wait(Stream stream);
  void host_work(HostTask task);

  void call(BlockId block, std::uint32_t microbatch);
  Bytes size_of(BufferId buffer) const;

  Program finish() &&;

 private:
  Op& append(Stream stream, What what, Order order);
  Program program_;
  Origin origin_;
};

}  // namespace stepcast
