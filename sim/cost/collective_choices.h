// What a user prescribes to the collective library, as NCCL_ALGO and NCCL_PROTO do: by kind of
// collective, an algorithm, a protocol, or both. The object "collectives" of a scenario.
#pragma once

#include <array>
#include <optional>

#include "sim/base/json_fields.h"
#include "sim/collective/kind.h"
#include "sim/cost/algorithm.h"

namespace stepcast {

/// Of one kind; what is left open is the library's choice.
struct ForcedChoice {
  std::optional<Algorithm> algorithm{};
  std::optional<Protocol> protocol{};  ///< NVLS and all_to_all know but Simple
};

struct CollectiveChoices {
  std::array<ForcedChoice, kNumCollectiveKinds> by_kind{};

  const ForcedChoice& of(CollectiveKind kind) const {
    return by_kind[static_cast<std::size_t>(kind)];
  }
};

/// {"algorithm": {"all_reduce": "ring"}, "protocol": {"all_reduce": "LL128"}}; a protocol that is
/// text holds for every kind but all_to_all, which knows but Simple. Whether a group can do it so
/// is found out when the group is planned.
CollectiveChoices read_collective_choices(const JsonValue& value, Problems& problems);

}  // namespace stepcast
