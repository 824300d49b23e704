// What a group of ranks says to each other while a program runs for real. One object per rank and
// group; how the bytes travel (shared memory of processes or threads, NCCL, MPI) is the
// implementation's business.
//
// All members call the same operations in the same order. Calls return when the result is there.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/live/element.h"
#include "sim/collective/kind.h"

namespace stepcast {

class Communicator {
 public:
  virtual ~Communicator() = default;

  virtual int size() const = 0;
  virtual int index() const = 0;  ///< of this rank among the members, 0 .. size() - 1

  /// One collective over elements. With n = size(), in bytes:
  ///   all_reduce         from.size() == to.size()
  ///   all_gather         to.size() == n * from.size(); part i is what member i gave
  ///   reduce_scatter     from.size() == n * to.size(); this member gets part index() of the result
  ///   broadcast, reduce  from.size() == to.size(); the root is member 0; `from` of the others in a
  ///                      broadcast is not read, `to` of the others in a reduce not written
  ///   all_to_all         from.size() == to.size(), n equal parts; part i goes to member i
  /// `from` and `to` are the same memory, the part of `to` (or `from`) that belongs to this member
  /// in all_gather (or reduce_scatter), or don't overlap. Sums are the same bits on all members and
  /// in every run. Throws Error(kLiveRank) when another member is gone or is in another operation.
  virtual void run(CollectiveKind kind, std::span<const std::byte> from, std::span<std::byte> to,
                   Element element, ReduceOp reduce = ReduceOp::kSum) = 0;

  /// Messages between two members; the k-th send meets the k-th receive of that direction. send()
  /// returns when `bytes` may be changed; it never waits for the other side to receive, so two
  /// members may send to each other before either receives.
  virtual void send(int to, std::span<const std::byte> bytes) = 0;
  virtual void receive(int from, std::span<std::byte> bytes) = 0;

  /// Seconds of all calls so far in which this rank did nothing but wait for another one. 0 where
  /// that is not known.
  virtual double waited_seconds() const { return 0; }
};

/// Returns on no member before all have called it.
void barrier(Communicator& communicator);

/// What each rank says, by rank. To be called by all members.
std::vector<std::string> gather(Communicator& world, std::string_view text);

/// A rank's answer to a question that should have one.
struct SaidByRank {
  std::string host, text;
};
/// Who says what: `ranks 0, 1 have "a", rank 2 has "b"`, with their hosts. Empty: all say the same.
std::string differences(std::span<const SaidByRank> by_rank);
/// What one rank alone knows and all should agree on, such as the version and a hash of the
/// program. Throws Error(kLiveRank) with differences(), where there are any.
void require_agreement(std::string_view what, std::span<const SaidByRank> by_rank);

}  // namespace stepcast
