// What a rank is given when it starts, as a process, a thread or under mpirun: who it is, how to
// talk to the others, and how to be seen by whoever supervises it.
//
//   int rank_main(RankContext& context) {
//     const auto world = context.world();
//     context.begin_operation("step 0: all_reduce gradients");
//     world->run(CollectiveKind::kAllReduce, bytes, bytes, Element::kFp32);
//     context.keep(std::as_bytes(std::span(losses)));
//     return 0;
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "kernels/live/communicator.h"

namespace stepcast {

class RankContext {
 public:
  virtual ~RankContext() = default;

  virtual int rank() const = 0;
  virtual int ranks() const = 0;

  /// A group of ranks, this one included; member i is rank members[i]. All members give the same
  /// list and the same `group`, below 2^31, which no other group of theirs has. Lives no longer
  /// than this.
  virtual std::unique_ptr<Communicator> communicator(std::vector<int> members,
                                                     std::uint32_t group) = 0;
  /// All ranks, as a group of its own.
  std::unique_ptr<Communicator> world();

  /// A sign of life, and what is shown should this rank fail in it. Costs some ten nanoseconds.
  virtual void begin_operation(std::string_view what) = 0;

  /// Hands bytes to whoever started the ranks: they are appended to what this rank kept before.
  /// Throws Error(kLiveRank) when there is no more room.
  virtual void keep(std::span<const std::byte> bytes) = 0;
};

/// Runs on every rank; other than 0 is a failure. What it throws is one, too.
using RankMain = std::function<int(RankContext&)>;

}  // namespace stepcast
