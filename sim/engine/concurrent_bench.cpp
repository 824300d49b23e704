#include "sim/engine/concurrent_bench.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "sim/base/error.h"

namespace stepcast {
namespace {

struct Spelling {
  std::string_view word, sign;
  RankSplit::Operation operation;
};
constexpr Spelling kSpellings[] = {
    {"and", "&", RankSplit::Operation::kAnd},
    {"or", "|", RankSplit::Operation::kOr},
    {"mod", "%", RankSplit::Operation::kMod},
    {"div", "/", RankSplit::Operation::kDiv},
};

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return result;
}

/// Nothing unless all of `text` is a number.
std::optional<std::int64_t> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0b")) base = 2;
  if (base != 10) text.remove_prefix(2);
  std::int64_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || stop != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::int64_t RankSplit::colour(std::int64_t rank) const {
  switch (operation) {
    case Operation::kAnd:
      return rank & value;
    case Operation::kOr:
      return rank | value;
    case Operation::kMod:
      return rank % value;
    case Operation::kDiv:
      return rank / value;
  }
  return 0;
}

RankSplit parse_rank_split(std::string_view text) {
  const std::string lowered = lower(text);
  for (const Spelling& spelling : kSpellings)
    for (const std::string_view name : {spelling.word, spelling.sign}) {
      if (!lowered.starts_with(name)) continue;
      std::string_view rest = std::string_view(lowered).substr(name.size());
      rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
      const auto value = parse_number(rest);
      const bool divides = spelling.operation == RankSplit::Operation::kMod ||
                           spelling.operation == RankSplit::Operation::kDiv;
      if (value && (*value > 0 || !divides)) return {spelling.operation, *value};
    }
  throw Error(ErrorKind::kUsage,
              "\"" + std::string(text) +
                  "\" does not split ranks; expected AND, OR, MOD or DIV and a number, as in "
                  "\"MOD 8\" (ranks 0, 8, 16, ... are a group) or \"DIV 8\" (ranks 0 to 7 are)");
}

std::vector<std::vector<std::uint32_t>> split_ranks(const std::vector<std::uint32_t>& gpus,
                                                    const RankSplit& split) {
  std::map<std::int64_t, std::vector<std::uint32_t>> by_colour;
  for (std::size_t rank = 0; rank < gpus.size(); ++rank)
    by_colour[split.colour(static_cast<std::int64_t>(rank))].push_back(gpus[rank]);
  std::vector<std::vector<std::uint32_t>> groups;
  groups.reserve(by_colour.size());
  for (auto& [colour, group] : by_colour) groups.push_back(std::move(group));
  return groups;
}

ConcurrentBench::ConcurrentBench(const Fabric& fabric,
                                 std::vector<std::vector<std::uint32_t>> groups, BenchOp op,
                                 const CollectiveChoice& choice)
    : fabric_(fabric), groups_(std::move(groups)) {
  benches_.reserve(groups_.size());
  for (const auto& group : groups_) benches_.emplace_back(fabric, group, op, choice);
}

std::vector<ConcurrentBench::Outcome> ConcurrentBench::run(const NetworkProfile& profile,
                                                           Bytes size,
                                                           const BenchSettings& settings,
                                                           FlowSolver& solver) const {
  std::vector<Outcome> outcomes(benches_.size());
  std::vector<double> ends(benches_.size(), 0);
  std::vector<std::uint32_t> path;
  solver.reset(effective_capacities(fabric_, profile));
  for (std::size_t group = 0; group < benches_.size(); ++group) {
    outcomes[group].alone = benches_[group].plan(profile, size, settings);
    for (const FlowPlan& plan : benches_[group].transfers(profile, size, settings))
      solver.at(plan.latency.value(), [&, group, plan] {
        path.clear();
        append_path(plan.links, path);
        solver.start(path, plan.bytes, plan.rate_bound,
                     [&, group] { ends[group] = std::max(ends[group], solver.now()); });
      });
  }
  solver.run();
  // What a transfer takes beyond its bytes, such as the time of a single process to launch it, and
  // the last bit of rounding, is the same as alone.
  for (std::size_t group = 0; group < benches_.size(); ++group)
    outcomes[group].together = std::max(outcomes[group].alone.uncontended, Seconds(ends[group]));
  return outcomes;
}

}  // namespace stepcast
