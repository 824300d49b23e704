// Collectives as the schedules of sim/collective, run on real numbers. How a step's chunks get to
// the other members is left to the communicator built on this; the arithmetic and its order are
// not, so results are the same bits over shared memory as over MPI.
//
// Rings; for few bytes, all-reduces between many ranks go along trees and all-gathers in one step.
#pragma once

#include <array>
#include <optional>

#include "kernels/live/chunk_table.h"
#include "kernels/live/communicator.h"
#include "kernels/live/schedule_plan.h"

namespace stepcast {

class ScheduledCommunicator : public Communicator {
 public:
  void run(CollectiveKind kind, std::span<const std::byte> from, std::span<std::byte> to,
           Element element, ReduceOp reduce = ReduceOp::kSum) final;

  /// As run(), by a plan of the caller's: plan_of() of a proved schedule for size() ranks, on every
  /// member.
  void run_plan(const MemberPlan& plan, std::span<const std::byte> from, std::span<std::byte> to,
                Element element, ReduceOp reduce = ReduceOp::kSum);

 protected:
  /// What one collective does to elements.
  struct Arithmetic {
    Element element{};
    ReduceOp reduce{};
  };

  /// A collective begins, the `sequence`-th of this communicator.
  virtual void begin(CollectiveKind kind, std::uint32_t sequence) = 0;
  /// Sends and receives the chunks of one step. `bases` has, for each receive, what its data is
  /// combined with when it reduces; the result goes to the chunk's target in either case. A chunk
  /// is sent as it was before the step.
  virtual void run_step(const MemberPlan::Step& step, ChunkTable& chunks,
                        std::span<const std::byte* const> bases, const Arithmetic& arithmetic) = 0;

 private:
  const MemberPlan& plan_for(CollectiveKind kind, std::size_t bytes);
  void find_bases(const MemberPlan::Step& step);

  ChunkTable chunks_;
  std::vector<const std::byte*> bases_;
  std::uint32_t sequence_ = 0;
  std::array<std::array<std::optional<MemberPlan>, 2>, kNumCollectiveKinds>
      plans_;  // by kind; large, small
};

}  // namespace stepcast
