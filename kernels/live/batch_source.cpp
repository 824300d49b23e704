#include "kernels/live/batch_source.h"

#include "kernels/live/hashed.h"

namespace stepcast {

std::int32_t CountingTask::token(std::int64_t sequence, std::int64_t position) const {
  constexpr std::int64_t kStarts = 31, kStrides = 7;
  const auto row = static_cast<std::uint64_t>(sequence);
  const bool off = hashed_unit(seed_, row, static_cast<std::uint64_t>(position)) < 0.2;
  const std::int64_t value =
      sequence * kStarts + position * (1 + sequence % kStrides) + (off ? 1 : 0);
  return static_cast<std::int32_t>(value % words_);
}

}  // namespace stepcast
