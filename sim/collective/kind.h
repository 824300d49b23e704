// What a collective does. How it does it (ring, tree, ...) is a CollectiveSchedule, and the choice
// is the engine's, or NCCL's own when live.
#pragma once

#include <cstdint>
#include <string_view>

namespace stepcast {

enum class CollectiveKind : std::uint8_t {
  kAllReduce,
  kAllGather,
  kReduceScatter,
  kBroadcast,
  kReduce,
  kAllToAll,
  kSendRecv,  ///< rank r sends its buffer to rank r + 1, the last one to rank 0
};

inline constexpr int kNumCollectiveKinds = static_cast<int>(CollectiveKind::kSendRecv) + 1;

/// How contributions are put together by all_reduce, reduce_scatter and reduce.
enum class ReduceOp : std::uint8_t { kSum, kMax };

constexpr std::string_view name_of(CollectiveKind kind) {
  switch (kind) {
    case CollectiveKind::kAllReduce:
      return "all_reduce";
    case CollectiveKind::kAllGather:
      return "all_gather";
    case CollectiveKind::kReduceScatter:
      return "reduce_scatter";
    case CollectiveKind::kBroadcast:
      return "broadcast";
    case CollectiveKind::kReduce:
      return "reduce";
    case CollectiveKind::kAllToAll:
      return "all_to_all";
    case CollectiveKind::kSendRecv:
      return "sendrecv";
  }
  return "";
}

}  // namespace stepcast
