// One stage of the pipeline: blocks of compute, the messages between them, and the calls in the
// order that the schedule wants.
//
// Between two passes a stage exchanges: it sends what the first made and receives what the second
// needs, both at once as Megatron-LM's send_forward_recv_backward does. The receive is posted
// without waiting for the compute before it, so a message needs only its sender: no cycle of stages
// that all wait for their own sends can arise.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "sim/lowering/data_parallel.h"
#include "sim/lowering/graph_pass.h"
#include "sim/lowering/schedules.h"
#include "sim/lowering/stage_buffers.h"
#include "sim/lowering/stage_writer.h"
#include "sim/lowering/step.h"

namespace stepcast {

class PipelineStage {
 public:
  /// `chunks` are the parts of the model that this stage holds. Keeps references to `step` and
  /// `graphs`.
  PipelineStage(const Step& step, const ModelGraphs& graphs, const std::vector<Chunk>& chunks,
                const StagePosition& at);

  Program lower(const std::vector<Action>& actions) &&;

 private:
  /// The messages of one chunk and one direction of passing; blocks are kNone where there is no
  /// message.
  struct Messages {
    BlockId receive = kNone, send = kNone, release = kNone;
    EventId received = kNone, sent = kNone;
    BufferId part = kNone;            ///< what arrives, when the tensor travels in parts
    std::vector<EventId> sent_after;  ///< beside computed(): what the sent tensor waits for
  };
  struct Passes {
    BlockId block = kNone;
    BlockId last = kNone;  ///< of the last microbatch, where gradient buckets start
    Messages messages;
  };
  struct Side {
    Stream send, receive;
    Peer to, from;
  };

  static Side side_of(Pass pass);
  Passes& passes(Pass pass, std::uint32_t chunk) { return passes_[static_cast<int>(pass)][chunk]; }
  const ChunkBuffers& chunk_buffers(std::uint32_t chunk) const { return buffers_.chunks()[chunk]; }
  /// Number of the part of the model that chunk `chunk` is; messages over the boundary behind part
  /// g have tag g.
  std::uint32_t part_of(std::uint32_t chunk) const { return chunk * at_.stages + at_.stage; }

  void write_chunk(std::uint32_t chunk);
  void write_forward(std::uint32_t chunk);
  void write_backward(std::uint32_t chunk, bool last_microbatch);
  void write_receive(Pass pass, std::uint32_t chunk, BufferId arrives, std::uint32_t tag);
  void write_send(Pass pass, std::uint32_t chunk, BufferId leaves, std::uint32_t tag);
  void write_host_waits();
  std::vector<EventId> arrivals(const Messages& messages) const;
  void gather_arrival(const Messages& messages, BufferId whole);
  Bytes message_size(BufferId whole);
  std::optional<GroupRole> part_sent() const;

  void call_pass(const Action& action);
  /// Sends what `before` made and receives what `after` needs; either may be empty.
  void call_exchange(std::span<const Action> before, std::span<const Action> after);
  /// The passes from `begin` on that run without an exchange in between.
  std::span<const Action> round_at(std::span<const Action> rest) const;
  void call_host_wait(Stream stream, std::uint32_t microbatch);

  const Step& step_;
  StagePosition at_;
  StageWriter writer_;
  StageBuffers buffers_;
  TensorEvents tensor_events_;
  DataParallel data_parallel_;
  std::array<std::vector<Passes>, 2> passes_;      ///< by Pass, by chunk
  std::array<BlockId, kNumStreams> host_waits_{};  ///< by Stream, with p2p_host_wait
  std::vector<EventId> loss_done_;                 ///< what the head's backward pass waits for
};

}  // namespace stepcast
