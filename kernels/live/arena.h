// The memory of one rank: one block of its device, from which buffers are taken and to which they
// are given back in the order of the program's ops, as sim/memory walks it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "kernels/live/live_device.h"
#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace stepcast {

/// Where buffers lie, by first fit; deterministic. Sizes are rounded up to kRounding, as
/// walk_memory() does by default.
class ArenaPlacement {
 public:
  static constexpr std::int64_t kRounding = 512;
  static std::int64_t rounded(Bytes size);

  std::int64_t take(Bytes size);  ///< its offset
  void give_back(std::int64_t offset, Bytes size);

  Bytes live() const { return Bytes(live_); }
  Bytes peak() const { return Bytes(peak_); }    ///< most bytes alive at a time
  Bytes reach() const { return Bytes(reach_); }  ///< highest address: peak and gaps

 private:
  std::map<std::int64_t, std::int64_t> gaps_;  ///< offset -> size, below reach_
  std::int64_t live_ = 0, peak_ = 0, reach_ = 0;
};

/// 1, or one for each microbatch.
std::uint32_t instances(const Program& program, const Buffer& buffer);

struct StepPlan;

/// The block, and the buffers in it, where the plan of a step places them.
class Arena {
 public:
  /// Takes the resident buffers. Program, plan and device outlive it. Throws Error(kInfeasible)
  /// when the device has not that much memory.
  Arena(const Program& program, const StepPlan& plan, LiveDevice& device);

  /// The allocs of a step, in the order of issue.
  void begin_step() { next_ = 0; }
  void alloc(BufferId buffer, std::uint32_t microbatch);
  void free(BufferId buffer, std::uint32_t microbatch);
  /// Of a buffer that is alive.
  std::byte* at(BufferId buffer, std::uint32_t microbatch) const;

  Bytes peak() const { return Bytes(peak_); }  ///< most bytes alive at a time, so far

 private:
  std::int64_t& offset(BufferId buffer, std::uint32_t microbatch);
  void count(std::int64_t bytes);

  const Program& program_;
  const StepPlan& plan_;
  DeviceBlock memory_;
  std::size_t next_ = 0;  ///< alloc of the step
  std::int64_t live_ = 0, peak_ = 0;
  std::vector<std::vector<std::int64_t>> offsets_;  ///< by buffer, by instance; -1: not alive
};

}  // namespace stepcast
