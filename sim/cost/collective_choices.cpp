#include "sim/cost/collective_choices.h"

#include <algorithm>
#include <string>

#include "sim/base/nearest_name.h"

namespace stepcast {
namespace {

/// Of a step; messages are no collectives here.
constexpr std::array kKinds{CollectiveKind::kAllReduce,     CollectiveKind::kAllGather,
                            CollectiveKind::kReduceScatter, CollectiveKind::kBroadcast,
                            CollectiveKind::kReduce,        CollectiveKind::kAllToAll};

/// NCCL writes AllReduce and NVLSTree, PyTorch all_reduce.
std::string plain(std::string_view name) {
  std::string result;
  for (const char c : name)
    if (c != '_' && c != ' ') result += c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
  return result;
}

template <typename Enum>
Enum named(std::string_view name, std::span<const Enum> all, std::string_view what) {
  std::vector<std::string> known;
  for (const Enum value : all) {
    if (plain(name_of(value)) == plain(name)) return value;
    known.emplace_back(name_of(value));
  }
  throw Error(ErrorKind::kInput, unknown_name(what, name, known));
}

std::vector<std::string_view> parts_of(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// "[^]name,name": what is left of `usual` without the names, or the names themselves.
template <typename Enum>
EnumSet<Enum> parse_set(std::string_view text, std::span<const Enum> all, EnumSet<Enum> usual,
                        std::string_view what) {
  const bool all_but = text.starts_with('^');
  EnumSet<Enum> set = all_but ? usual : EnumSet<Enum>{};
  for (const std::string_view name : parts_of(text.substr(all_but ? 1 : 0), ',')) {
    const Enum value = named(name, all, what);
    all_but ? set.erase(value) : set.insert(value);
  }
  if (set.empty())
    throw Error(ErrorKind::kInput,
                "\"" + std::string(text) + "\" leaves no " + std::string(what) + " at all");
  return set;
}

void allow(CollectiveChoice& choice, AlgorithmSet set) { choice.algorithms = set; }
void allow(CollectiveChoice& choice, ProtocolSet set) { choice.protocols = set; }

/// One of the two members "algorithm" and "protocol", and the language of its texts.
template <typename Set>
struct Member {
  std::string_view key;
  Set (*parse)(std::string_view text);
};
constexpr Member<AlgorithmSet> kAlgorithm{"algorithm", parse_algorithms};
constexpr Member<ProtocolSet> kProtocol{"protocol", parse_protocols};

/// Runs `read`, whose errors are of `value`.
template <typename Read>
void with_place(const JsonValue& value, Problems& problems, Read read) {
  try {
    read();
  } catch (const Error& error) {
    problems.add(value.problem("= " + value.excerpt() + ": " + error.what()));
  }
}

template <typename Set>
void set_from(const JsonValue& value, Problems& problems, const Member<Set>& member,
              CollectiveChoice& choice) {
  const auto text = value.as_string();
  if (!text) return problems.add(value.problem("= " + value.excerpt() + " must be text"));
  with_place(value, problems, [&] {
    allow(choice, member.parse(*text));
    choice.place = value.problem("");
  });
}

/// "ring;allreduce:tree": for all kinds but all_to_all, which knows one way only, and then by kind.
template <typename Set>
void set_all_from(const JsonValue& value, Problems& problems, const Member<Set>& member,
                  CollectiveChoices& choices) {
  with_place(value, problems, [&] {
    const std::string text = *value.as_string();
    const auto parts = parts_of(text, ';');
    const auto set = [&](CollectiveKind kind, std::string_view names) {
      allow(choices.of(kind), member.parse(names));
      choices.of(kind).place = value.problem("");
    };
    for (const std::string_view part : parts) {
      const std::size_t colon = part.find(':');
      if (colon != std::string_view::npos) {
        set(named<CollectiveKind>(part.substr(0, colon), kKinds, "kind of collective"),
            part.substr(colon + 1));
      } else if (part.data() == text.data()) {
        for (const CollectiveKind kind : kKinds)
          if (kind != CollectiveKind::kAllToAll) set(kind, part);
      } else {
        throw Error(ErrorKind::kInput,
                    "\"" + std::string(part) + "\" must say of which kind, as in allreduce:tree");
      }
    }
  });
}

template <typename Set>
void read_by_kind(Fields& fields, Problems& problems, const Member<Set>& member,
                  CollectiveChoices& choices) {
  const auto value = fields.child(member.key);
  if (!value) return;
  if (value->is_string()) return set_all_from(*value, problems, member, choices);
  Fields by_kind(*value, problems);
  for (const CollectiveKind kind : kKinds)
    if (const auto names = by_kind.child(name_of(kind)))
      set_from(*names, problems, member, choices.of(kind));
  by_kind.finish();
}

/// What an override leaves open stays as it is for all sizes.
void read_override(const JsonValue& value, Problems& problems, CollectiveChoices& choices) {
  Fields fields(value, problems);
  if (!value.is_object()) return;
  std::vector<std::string_view> names;
  for (const CollectiveKind kind : kKinds) names.push_back(name_of(kind));
  ChoiceBySize read{.kind = kKinds[fields.choice("collective", names)]};
  read.choice = choices.of(read.kind);
  read.from = fields.quantity("from", Bytes(0), true).value();
  read.below = fields.quantity("below", Bytes(read.below)).value();
  if (!fields.has("from") && !fields.has("below"))
    problems.add(
        value.problem(": must say \"from\" or \"below\" which size; what holds for all sizes "
                      "belongs into \"algorithm\" and \"protocol\" beside \"overrides\""));
  if (read.from >= read.below) fields.reject("from", "must be less than \"below\"");
  const auto algorithm = fields.child("algorithm"), protocol = fields.child("protocol");
  if (!algorithm && !protocol)
    problems.add(value.problem(": prescribes nothing; give \"algorithm\", \"protocol\", or both"));
  if (protocol) set_from(*protocol, problems, kProtocol, read.choice);
  if (algorithm) set_from(*algorithm, problems, kAlgorithm, read.choice);
  fields.finish();
  for (const ChoiceBySize& other : choices.overrides)
    if (other.kind == read.kind && other.from < read.below && read.from < other.below)
      problems.add(value.problem(": overlaps with the sizes of " + other.choice.place.path +
                                 "; each size of a collective must have one rule"));
  choices.overrides.push_back(std::move(read));
}

}  // namespace

AlgorithmSet parse_algorithms(std::string_view text) {
  return parse_set<Algorithm>(text, kAllAlgorithms, kUsualAlgorithms, "algorithm");
}

ProtocolSet parse_protocols(std::string_view text) {
  return parse_set<Protocol>(text, kAllProtocols, kUsualProtocols, "protocol");
}

const CollectiveChoice& CollectiveChoices::of(CollectiveKind kind, Bytes size) const {
  for (const ChoiceBySize& rule : overrides)
    if (rule.kind == kind && size.value() >= rule.from && size.value() < rule.below)
      return rule.choice;
  return by_kind[static_cast<std::size_t>(kind)];
}

CollectiveChoices read_collective_choices(const JsonValue& value, Problems& problems) {
  CollectiveChoices choices;
  Fields fields(value, problems);
  // Where both are prescribed and can't be done, the algorithm's place is named.
  read_by_kind(fields, problems, kProtocol, choices);
  read_by_kind(fields, problems, kAlgorithm, choices);
  if (const auto overrides = fields.child("overrides")) {
    if (!overrides->is_array())
      problems.add(overrides->problem("= " + overrides->excerpt() + " must be an array"));
    for (const JsonValue& entry : overrides->elements()) read_override(entry, problems, choices);
  }
  fields.finish();
  return choices;
}

}  // namespace stepcast
