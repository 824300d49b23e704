// What a user prescribes to the collective library: by kind of collective and by size, the
// algorithms and protocols that it may take. The object "collectives" of a scenario; as text in the
// language of NCCL_ALGO and NCCL_PROTO (https://docs.nvidia.com/deeplearning/nccl/user-guide,
// environment variables).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/collective/kind.h"
#include "sim/cost/algorithm.h"

namespace stepcast {

/// What may be taken; the library chooses among it.
struct CollectiveChoice {
  AlgorithmSet algorithms = kUsualAlgorithms;
  ProtocolSet protocols = kUsualProtocols;  ///< NVLS, all_to_all and what has steps know but Simple
  Problem place{};  ///< where it is prescribed, without a message; empty when nowhere

  bool is_free() const { return algorithms == kUsualAlgorithms && protocols == kUsualProtocols; }
};

/// For collectives of one kind and of `from` to less than `below` bytes, as nccl-tests counts them.
struct ChoiceBySize {
  CollectiveKind kind{};
  std::int64_t from = 0, below = std::numeric_limits<std::int64_t>::max();
  CollectiveChoice choice{};
};

struct CollectiveChoices {
  std::array<CollectiveChoice, kNumCollectiveKinds> by_kind{};
  std::vector<ChoiceBySize> overrides{};  ///< of one kind, no two overlap

  CollectiveChoice& of(CollectiveKind kind) { return by_kind[static_cast<std::size_t>(kind)]; }
  const CollectiveChoice& of(CollectiveKind kind, Bytes size) const;
};

/// {"algorithm": {"all_reduce": "ring"}, "protocol": "LL128,Simple", "overrides": [{"collective":
/// "all_reduce", "from": "1 MiB", "below": "64 MiB", "algorithm": "^tree"}]}. Whether a group can
/// do it so is found out when the group is planned.
CollectiveChoices read_collective_choices(const JsonValue& value, Problems& problems);

/// "ring", "ring,tree", "^tree" (all but these), in any case, with or without underscores. Throws
/// Error(kInput) with what is known.
AlgorithmSet parse_algorithms(std::string_view text);
ProtocolSet parse_protocols(std::string_view text);

}  // namespace stepcast
