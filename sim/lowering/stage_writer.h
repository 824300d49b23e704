// Writes the ops of one stage and keeps its streams in order, as a framework does that runs
// collectives on streams of their own: a collective starts after the compute issued before it, and
// compute that needs its result waits for it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/program/builder.h"

namespace stepcast {

/// A collective as lowering asks for it; where it runs and what it waits for is the writer's.
struct CollectiveOp {
  Stream stream{};
  GroupRole group{};
  CollectiveKind kind{};
  Bytes size;
  Dtype dtype{};
  std::vector<CollectivePart> parts = {};
  ReduceOp reduce = ReduceOp::kSum;
};

class StageWriter {
 public:
  StageWriter(std::string name, std::uint32_t num_microbatches);

  /// For declarations (buffers, events) and calls. Ops go through the functions below.
  ProgramBuilder& program() { return builder_; }

  /// The first compute op waits for `arrivals`.
  BlockId begin_block(std::string name, std::vector<EventId> arrivals = {});
  /// What was joined and not waited for yet: whoever needs the block's results must wait for it,
  /// beside computed().
  std::vector<EventId> end_block();
  void set_origin(Phase phase, std::int64_t layer = -1);

  void compute(Compute compute);
  /// Starts after the compute issued so far; signals `done`. The result is there after join(done).
  void collective(CollectiveOp op, EventId done);
  /// All of both buffers; `to` may hold more than one part (a buffer that serves all gathers).
  CollectivePart whole_part(BufferId from, BufferId to) const {
    return {.from = builder_.whole(from), .to = builder_.whole(to)};
  }
  /// The next compute op waits for `event`.
  void join(EventId event) { arrivals_.push_back(event); }
  /// Nothing for resident buffers.
  void alloc(BufferId buffer);
  void free(BufferId buffer);
  void host_wait(Stream stream);
  void host_work(HostTask task, std::uint32_t times = 1);

  /// What the last compute op of every block signals. Ops of other streams wait for it.
  EventId computed() const { return computed_; }

  Program finish() &&;

 private:
  /// The last compute op and what was allocated and freed behind it, held back until it is known
  /// whether another stream waits for it.
  struct Held {
    bool any = false;
    Compute compute;
    ProgramBuilder::Order order;
    Origin origin;
    std::vector<std::pair<bool, BufferId>> memory;  ///< true: alloc
  };

  void memory(bool is_alloc, BufferId buffer);
  /// Appends what is held back.
  void flush();
  std::vector<EventId> waits_for_compute();

  ProgramBuilder builder_;
  EventId computed_;
  bool signalled_in_block_ = false;
  Held held_;
  Origin origin_;
  std::vector<EventId> arrivals_;
};

}  // namespace stepcast
