#include "sim/cost/collective_choices.h"

#include <vector>

namespace stepcast {
namespace {

/// Of a step; messages are no collectives here.
constexpr std::array kKinds{CollectiveKind::kAllReduce,     CollectiveKind::kAllGather,
                            CollectiveKind::kReduceScatter, CollectiveKind::kBroadcast,
                            CollectiveKind::kReduce,        CollectiveKind::kAllToAll};

template <typename Enum, std::size_t N>
std::vector<std::string_view> names_of(const std::array<Enum, N>& all) {
  std::vector<std::string_view> names;
  for (const Enum value : all) names.push_back(name_of(value));
  return names;
}

/// An object that names one of `all` by kind of collective.
template <typename Enum, std::size_t N, typename Set>
void read_by_kind(const JsonValue& value, Problems& problems, const std::array<Enum, N>& all,
                  Set set) {
  Fields fields(value, problems);
  const std::vector<std::string_view> names = names_of(all);
  for (const CollectiveKind kind : kKinds)
    if (fields.has(name_of(kind))) set(kind, all[fields.choice(name_of(kind), names)]);
  fields.finish();
}

}  // namespace

CollectiveChoices read_collective_choices(const JsonValue& value, Problems& problems) {
  CollectiveChoices choices;
  const auto of = [&](CollectiveKind kind) -> ForcedChoice& {
    return choices.by_kind[static_cast<std::size_t>(kind)];
  };
  Fields fields(value, problems);
  if (const auto algorithms = fields.child("algorithm"))
    read_by_kind(*algorithms, problems, kAllAlgorithms,
                 [&](CollectiveKind kind, Algorithm chosen) { of(kind).algorithm = chosen; });
  if (const auto protocols = fields.child("protocol")) {
    if (protocols->is_string()) {
      const Protocol chosen = kAllProtocols[fields.choice("protocol", names_of(kAllProtocols))];
      for (const CollectiveKind kind : kKinds)
        if (kind != CollectiveKind::kAllToAll) of(kind).protocol = chosen;
    } else {
      read_by_kind(*protocols, problems, kAllProtocols,
                   [&](CollectiveKind kind, Protocol chosen) { of(kind).protocol = chosen; });
    }
  }
  fields.finish();
  return choices;
}

}  // namespace stepcast
