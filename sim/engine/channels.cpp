#include "sim/engine/channels.h"

#include <algorithm>
#include <bit>

#include "sim/base/error.h"
#include "sim/engine/contention.h"

namespace stepcast {
namespace {

/// Order-dependent hash of numbers: a colour for the fold.
class Hash {
 public:
  Hash& operator<<(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 0x9e3779b97f4a7c15ULL;
    hash_ ^= hash_ >> 29;
    return *this;
  }
  Hash& operator<<(double value) { return *this << std::bit_cast<std::uint64_t>(value); }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0x243f6a8885a308d3ULL;
};

/// Everything that plans are made of, besides the links.
std::uint64_t colour_of(GroupRole role, const GroupGeometry& geometry) {
  Hash hash;
  hash << static_cast<std::uint64_t>(role) << static_cast<std::uint64_t>(geometry.num_ranks())
       << static_cast<std::uint64_t>(geometry.num_nodes())
       << static_cast<std::uint64_t>(geometry.ranks_per_node())
       << static_cast<std::uint64_t>(geometry.num_channels()) << geometry.intra_bandwidth()
       << geometry.inter_bandwidth() << geometry.tree_intra_bandwidth()
       << geometry.tree_inter_bandwidth()
       << static_cast<std::uint64_t>(geometry.halves_per_tree_unit())
       << static_cast<std::uint64_t>(geometry.all_to_all_peers_at_once())
       << geometry.all_to_all_intra_bandwidth() << geometry.all_to_all_inter_bandwidth()
       << geometry.ring_latency().value() << geometry.tree_latency().value()
       << geometry.pair_latency().value();
  for (const ScheduleLoads& loads : geometry.schedules())
    for (const ScheduleStep& step : loads.steps)
      hash << step.intra << step.inter << step.latency.value();
  return hash.value();
}

class ChannelFinder {
 public:
  ChannelFinder(const Job& job, const std::vector<ProgramIndex>& programs, const Fabric& fabric,
                bool all_to_all, const std::vector<ScheduledWay>& ways)
      : job_(job), programs_(programs), fabric_(fabric), all_to_all_(all_to_all), ways_(ways) {
    result_.of_rank.resize(job.ranks.size());
    for (auto& ports : result_.of_rank) ports.fill(kNone);
  }

  JobChannels run() {
    for (std::uint32_t group = 0; group < job_.groups.size(); ++group) add_group(group);
    for (Rank rank = 0; rank < job_.ranks.size(); ++rank) {
      const Rank next = job_.ranks[rank].next;
      if (uses(rank, Port::kSendNext))
        add_messages(rank, Port::kSendNext, next, Port::kRecvPrevious);
      if (uses(rank, Port::kRecvNext))
        add_messages(next, Port::kSendPrevious, rank, Port::kRecvNext);
    }
    return std::move(result_);
  }

 private:
  bool uses(Rank rank, Port port) const {
    return programs_[job_.ranks[rank].program].uses(port) > 0;
  }

  void add_group(std::uint32_t id) {
    const Group& group = job_.groups[id];
    const Port port = static_cast<Port>(group.role);
    if (group.ranks.empty() || !uses(group.ranks.front(), port)) return;
    const GroupGeometry& geometry =
        result_.geometry.emplace_back(fabric_, group.ranks, all_to_all_, ways_);
    for (Rank rank : group.ranks) add_member(rank, port);
    add_uses(geometry);
    close({.group = id, .from = kNone, .to = kNone}, colour_of(group.role, geometry));
  }

  void add_messages(Rank from, Port sender, Rank to, Port receiver) {
    STEPCAST_CHECK(from < job_.ranks.size() && to < job_.ranks.size(),
                   "a program sends or receives along the pipeline, but its rank has no next rank");
    add_member(from, sender);
    add_member(to, receiver);
    path_.clear();
    fabric_.route(from, to, path_);
    for (LinkId link : path_) result_.graph.uses.push_back({link, 1});
    // Inside a node and between nodes messages have other latencies.
    const bool same_node = fabric_.node_of(from) == fabric_.node_of(to);
    close({.group = kNone, .from = from, .to = to},
          (Hash() << std::uint64_t{same_node ? 101u : 102u} << fabric_.latency_of(path_).value())
              .value());
  }

  void add_member(Rank rank, Port port) {
    result_.of_rank[rank][static_cast<int>(port)] =
        static_cast<std::uint32_t>(result_.channels.size());
    result_.graph.members.push_back({rank, static_cast<std::uint32_t>(port)});
  }

  /// Every link that some algorithm uses, once, labelled by the weights it has in each of them.
  void add_uses(const GroupGeometry& geometry) {
    std::vector<const LinkWeights*> lists{&geometry.ring_links(), &geometry.tree_links(),
                                          &geometry.nvls_links(), &geometry.all_to_all_links()};
    for (const ScheduleLoads& loads : geometry.schedules()) lists.push_back(&loads.links);
    std::vector<std::size_t> at(lists.size(), 0);
    for (;;) {
      LinkId link = kNone;
      for (std::size_t i = 0; i < lists.size(); ++i)
        if (at[i] < lists[i]->size()) link = std::min(link, (*lists[i])[at[i]].link);
      if (link == kNone) return;
      Hash label;
      for (std::size_t i = 0; i < lists.size(); ++i) {
        const bool here = at[i] < lists[i]->size() && (*lists[i])[at[i]].link == link;
        label << std::uint64_t{here ? (*lists[i])[at[i]++].weight : 0};
      }
      result_.graph.uses.push_back({link, label.value()});
    }
  }

  void close(const Channel& channel, std::uint64_t colour) {
    result_.channels.push_back(channel);
    result_.graph.channel_colour.push_back(colour);
    result_.graph.member_begin.push_back(static_cast<std::uint32_t>(result_.graph.members.size()));
    result_.graph.use_begin.push_back(static_cast<std::uint32_t>(result_.graph.uses.size()));
  }

  const Job& job_;
  const std::vector<ProgramIndex>& programs_;
  const Fabric& fabric_;
  bool all_to_all_;
  const std::vector<ScheduledWay>& ways_;
  JobChannels result_;
  std::vector<LinkId> path_;
};

std::uint64_t colour_of(const Link& link) {
  return (Hash() << std::uint64_t{is_inter_node(link.kind)} << link.capacity.value()).value();
}

std::uint64_t colour_of(Rank rank, const RankPlace& place, const SimulateOptions& options) {
  Hash hash;
  hash << std::uint64_t{place.program} << (options.slowdown.empty() ? 1.0 : options.slowdown[rank]);
  if (!options.start.empty()) hash << options.start[rank].value();
  const bool apart = options.folding == Folding::kOff || options.fidelity == Fidelity::kMessage;
  if (apart) hash << std::uint64_t{rank} + 1;
  if (options.folding == Folding::kKeepReplicas) hash << std::uint64_t{place.dp_index} + 1;
  return hash.value();
}

/// All members of a class together load one link of class L with |class| * w / |L|, where w is the
/// weight of one member on all links of L together: both sides count (member, link) pairs.
class LinkFolder {
 public:
  explicit LinkFolder(const Classes& links) : links_(links), weights_(links.count(), 0) {}

  /// Link classes in order of first occurrence, each as often as it weighs.
  std::vector<std::uint32_t> fold(std::span<const LinkWeight> links, std::uint32_t members) {
    std::vector<std::uint32_t> touched;
    for (const LinkWeight& use : links) {
      const std::uint32_t link_class = links_.of[use.link];
      if (weights_[link_class] == 0) touched.push_back(link_class);
      weights_[link_class] += use.weight;
    }
    std::vector<std::uint32_t> path;
    for (std::uint32_t link_class : touched) {
      const std::uint64_t total = weights_[link_class] * members;
      weights_[link_class] = 0;
      STEPCAST_CHECK(total % links_.size[link_class] == 0,
                     "the partition of links and channels is not stable");
      path.insert(path.end(), total / links_.size[link_class], link_class);
    }
    return path;
  }

 private:
  const Classes& links_;
  std::vector<std::uint64_t> weights_;  // by link class; zero between calls
};

}  // namespace

JobChannels find_channels(const Job& job, const std::vector<ProgramIndex>& programs,
                          const std::vector<TransferKey>& transfers, const Fabric& fabric,
                          const SimulateOptions& options) {
  const bool all_to_all = std::any_of(transfers.begin(), transfers.end(), [](const auto& transfer) {
    return !transfer.message && transfer.kind == CollectiveKind::kAllToAll;
  });
  JobChannels result = ChannelFinder(job, programs, fabric, all_to_all, options.ways).run();
  for (Rank rank = 0; rank < job.ranks.size(); ++rank)
    result.graph.rank_colour.push_back(colour_of(rank, job.ranks[rank], options));
  for (const Link& link : fabric.links()) result.graph.link_colour.push_back(colour_of(link));
  return result;
}

FoldedChannels::FoldedChannels(const JobChannels& channels, const Job& job,
                               const std::vector<ProgramIndex>& programs, const Fabric& fabric,
                               bool allow_closed_form)
    : channels_(channels), quotient_(fold(channels.graph)) {
  for (std::uint32_t id = 0; id < quotient_.channels.count(); ++id) {
    ChannelClass& entry = classes_.emplace_back();
    entry.channel = quotient_.channels.representative[id];
    const Channel& channel = channels.channels[entry.channel];
    auto& pair = pairs_.emplace_back();
    if (!channel.is_group()) pair.emplace(fabric, channel.from, channel.to);
  }
  if (allow_closed_form) find_closed_forms(job);
  find_participants(job, programs);
  find_paths();
}

void FoldedChannels::find_closed_forms(const Job& job) {
  std::vector<ExclusivePorts> exclusive;
  for (const Program& program : job.programs) exclusive.push_back(exclusive_ports(program));
  const std::vector<bool> uncontended =
      find_uncontended(channels_.graph, quotient_, job, channels_.of_rank, exclusive);
  for (std::uint32_t id = 0; id < classes_.size(); ++id) classes_[id].closed_form = uncontended[id];
}

void FoldedChannels::find_participants(const Job& job, const std::vector<ProgramIndex>& programs) {
  class_at_.resize(quotient_.ranks.count());
  for (std::uint32_t rank_class = 0; rank_class < class_at_.size(); ++rank_class) {
    const Rank rank = quotient_.ranks.representative[rank_class];
    for (int port = 0; port < kNumPorts; ++port) {
      const std::uint32_t channel = channels_.of_rank[rank][port];
      class_at_[rank_class][port] = channel == kNone ? kNone : quotient_.channels.of[channel];
      if (channel == kNone) continue;
      ChannelClass& entry = classes_[quotient_.channels.of[channel]];
      entry.participants.push_back({rank_class, static_cast<Port>(port)});
      entry.uses =
          std::max(entry.uses, programs[job.ranks[rank].program].uses(static_cast<Port>(port)));
    }
  }
  for (ChannelClass& entry : classes_) {
    entry.first_use = num_uses_;
    num_uses_ += entry.uses;
  }
}

const std::vector<std::uint32_t>& FoldedChannels::path(std::uint32_t channel_class,
                                                       CollectiveKind kind,
                                                       Algorithm algorithm) const {
  if (!is_scheduled(algorithm)) return paths_[channel_class][static_cast<std::size_t>(algorithm)];
  static const std::vector<std::uint32_t> kClosedForm;
  if (classes_[channel_class].closed_form) return kClosedForm;
  const GroupGeometry& geometry = channels_.geometry[classes_[channel_class].channel];
  const std::ptrdiff_t index = geometry.schedule(kind, algorithm) - geometry.schedules().data();
  return schedule_paths_[channel_class][static_cast<std::size_t>(index)];
}

void FoldedChannels::find_paths() {
  paths_.resize(classes_.size());
  schedule_paths_.resize(classes_.size());
  LinkFolder folder(quotient_.links);
  for (std::uint32_t id = 0; id < classes_.size(); ++id) {
    if (classes_[id].closed_form) continue;
    const std::uint32_t members = quotient_.channels.size[id];
    if (pairs_[id]) {
      paths_[id][static_cast<int>(Algorithm::kPairwise)] =
          folder.fold(pairs_[id]->links(), members);
      continue;
    }
    const GroupGeometry& geometry = channels_.geometry[classes_[id].channel];
    for (const Algorithm algorithm : kAllAlgorithms)
      if (!is_scheduled(algorithm))
        paths_[id][static_cast<std::size_t>(algorithm)] =
            folder.fold(geometry.links_of(algorithm), members);
    for (const ScheduleLoads& loads : geometry.schedules())
      schedule_paths_[id].push_back(folder.fold(loads.links, members));
  }
}

}  // namespace stepcast
