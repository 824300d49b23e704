// A collective as data: which rank passes which chunk to whom, in which step. Schedules have no
// clock: verify.h proves that one does what it should, engine/message_level.h runs it over a
// network, and a live communicator runs it on real numbers.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/collective/kind.h"

namespace stepcast {

/// One chunk from one participant to another. The receiver adds it to its own chunk, or overwrites
/// that. Participants are ranks, and switches that keep partial sums and pass results on: they
/// begin with nothing, and sending to several ports is a transfer, on a lane of its own, for each
/// of them.
struct Transfer {
  std::uint32_t step = 0;
  std::uint32_t from = 0;
  std::uint32_t to = 0;
  std::uint32_t chunk = 0;
  /// Transfers of one participant and lane go one after the other, in order of steps; those of one
  /// step go to one receiver and are one message. Lanes are connections that are driven side by
  /// side.
  std::uint32_t lane = 0;
  bool reduce = false;
};

/// Transfers of one step see what the step before left behind; a participant may start a message as
/// soon as everything it depends on has arrived.
///
/// Chunks: all_reduce, broadcast, reduce: parts of the buffer. all_gather: chunk c is rank c's
/// contribution. reduce_scatter: chunk c is rank c's result. all_to_all: chunk s * ranks + d goes
/// from rank s to rank d. sendrecv: chunk c is rank c's buffer. The root of broadcast and reduce
/// is rank 0.
struct CollectiveSchedule {
  CollectiveKind kind{};
  std::uint32_t ranks = 0;
  std::uint32_t chunks = 0;
  std::vector<Transfer> transfers;  ///< by ascending step
  std::uint32_t switches = 0;       ///< participants ranks, ranks + 1, ...

  std::uint32_t participants() const { return ranks + switches; }
};

/// Bytes of a chunk when the collective has `size` bytes as nccl-tests counts them. The chunks of a
/// buffer differ by one byte at the most and add up to it.
Bytes chunk_size(const CollectiveSchedule& schedule, Bytes size, std::uint32_t chunk);

/// Bytes that a participant puts on the wire.
Bytes bytes_sent(const CollectiveSchedule& schedule, Bytes size, std::uint32_t participant);

/// Steps that it takes.
std::uint32_t num_steps(const CollectiveSchedule& schedule);

}  // namespace stepcast
