// Where the chunks of a collective lie while it runs: a chunk is read where it stands now, and what
// comes in is written to its target, which is its place in the result or scratch memory.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "kernels/live/schedule_plan.h"

namespace stepcast {

class ChunkTable {
 public:
  struct Chunk {
    const std::byte* now = nullptr;  ///< null: nothing of it is here yet
    std::byte* target = nullptr;     ///< null: nothing of it comes in or is wanted
    std::size_t bytes = 0;
  };

  /// `from` and `to` as in Communicator::run, elements of `element_bytes`. Memory that this table
  /// used before is used again.
  void set(const MemberPlan& plan, std::span<const std::byte> from, std::span<std::byte> to,
           std::size_t element_bytes);

  Chunk& operator[](std::size_t chunk) { return chunks_[chunk]; }

  /// Copies what the result needs and nobody sent: a member's own part.
  void finish();

 private:
  void place(const MemberPlan& plan, std::span<const std::byte> from, std::span<std::byte> to,
             std::size_t element_bytes, std::uint32_t index);
  void give_scratch(const MemberPlan& plan);

  std::vector<Chunk> chunks_;
  std::vector<bool> wanted_;
  std::vector<std::byte> scratch_;
  std::vector<std::byte> copy_of_from_;
};

}  // namespace stepcast
