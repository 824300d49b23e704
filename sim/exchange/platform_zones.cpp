#include "sim/exchange/platform_zones.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace stepcast {
namespace {

class ZoneFinder {
 public:
  explicit ZoneFinder(const Fabric& fabric) : fabric_(fabric) {}

  PlatformZones find() {
    find_switches();
    find_ports();
    find_ways_between();
    factor_ways_between();
    return std::move(found_);
  }

 private:
  using Nic = std::pair<std::int64_t, std::int64_t>;  // node, NIC within it

  void find_switches() {
    for (const Wire& wire : fabric_.wires())
      if (wire.link != Wire::kNoLink && kind_of(wire.link) == LinkKind::kNicUp) {
        uplink_of_[{wire.from.group, wire.from.index}] = wire.link;
        switch_of_[wire.link] = wire.to;
      }
  }

  /// GPUs in order, so that zones stand in the order of their first GPU.
  void find_ports() {
    std::map<Vertex, std::size_t> zone_at;
    for (std::int64_t gpu = 0; gpu < fabric_.num_gpus(); ++gpu) {
      const std::int64_t node = fabric_.node_of(gpu);
      const LinkId uplink = uplink_of_.at({node, fabric_.nic_of(gpu)});
      const auto [place, added] = zone_at.try_emplace(switch_of_.at(uplink), found_.zones.size());
      if (added) found_.zones.push_back({place->first, {}});
      if (gpu > 0 && fabric_.node_of(gpu - 1) == node && found_.zone_of.back() != place->second)
        found_.nodes_are_split = true;
      found_.zones[place->second].gpus.push_back(gpu);
      found_.zone_of.push_back(place->second);
      add_port(gpu, node, uplink);
    }
  }

  /// What a way to another node begins and ends with, where it leaves through the GPU's own NIC.
  void add_port(std::int64_t gpu, std::int64_t node, LinkId uplink) {
    for (std::int64_t i = 1; i < fabric_.num_gpus(); ++i) {
      const std::int64_t other = (fabric_.first_gpu_of(node) + i) % fabric_.num_gpus();
      if (fabric_.node_of(other) == node) continue;
      const LinkPath out = route(gpu, other);
      const auto leaves = std::ranges::find(out, uplink);
      if (leaves == out.end()) continue;
      const LinkPath in = route(other, gpu);
      const auto enters = std::ranges::find(in, uplink + 1);
      STEPCAST_CHECK(enters != in.end(), "a GPU is reached through a NIC of another one");
      found_.up.emplace_back(out.begin(), leaves + 1);
      found_.down.emplace_back(enters, in.end());
      return;
    }
    throw Error(ErrorKind::kUnsupported,
                "GPU " + std::to_string(gpu) +
                    " reaches no other node through its own NIC, which zones can't express");
  }

  void find_ways_between() {
    for (std::size_t from = 0; from < found_.zones.size(); ++from)
      for (std::size_t to = 0; to < found_.zones.size(); ++to) {
        const auto pair = pair_of_nodes(found_.zones[from], found_.zones[to]);
        if (!pair) continue;
        const LinkPath path = route(pair->first, pair->second);
        const LinkPath &up = port(found_.up, pair->first), &down = port(found_.down, pair->second);
        if (!std::ranges::equal(up, first(path, up.size())))
          add_detours(from, to);
        else if (from != to)
          found_.between.push_back(
              {from, to, {path.begin() + distance(up), path.end() - distance(down)}});
        else
          STEPCAST_CHECK(path.size() == up.size() + down.size(), "links within a switch");
      }
  }

  /// Two GPUs of different nodes.
  std::optional<std::pair<std::int64_t, std::int64_t>> pair_of_nodes(const SwitchZone& from,
                                                                     const SwitchZone& to) const {
    for (const std::int64_t a : {from.gpus.front(), from.gpus.back()})
      for (const std::int64_t b : {to.gpus.back(), to.gpus.front()})
        if (fabric_.node_of(a) != fabric_.node_of(b)) return {{a, b}};
    return std::nullopt;
  }

  void add_detours(std::size_t from, std::size_t to) {
    for (const std::int64_t gpu : found_.zones[from].gpus) {
      const auto goal = std::ranges::find_if(found_.zones[to].gpus, [&](std::int64_t other) {
        return fabric_.node_of(other) != fabric_.node_of(gpu);
      });
      if (goal == found_.zones[to].gpus.end()) continue;
      const LinkPath path = route(gpu, *goal);
      const auto leaves = std::ranges::find_if(
          path, [&](LinkId link) { return kind_of(link) == LinkKind::kNicUp; });
      const std::int64_t through = owner_of(*leaves, gpu);
      const auto turn = leaves + 1 - distance(port(found_.up, through));
      found_.detours.push_back({gpu, to, through, {path.begin(), turn}});
    }
  }

  /// The GPU of `gpu`'s node whose own way out ends with `uplink`.
  std::int64_t owner_of(LinkId uplink, std::int64_t gpu) const {
    const std::int64_t node = fabric_.node_of(gpu);
    for (std::int64_t owner = fabric_.first_gpu_of(node);
         owner < fabric_.num_gpus() && fabric_.node_of(owner) == node; ++owner)
      if (port(found_.up, owner).back() == uplink) return owner;
    throw Error(ErrorKind::kUnsupported,
                "GPU " + std::to_string(gpu) +
                    " hands over to a GPU of its node that is not used; use --gpus with whole "
                    "nodes");
  }

  /// Tries zone_up and zone_down: what all ways from a zone begin with, and all ways to it end
  /// with.
  void factor_ways_between() {
    const std::size_t zones = found_.zones.size();
    if (zones < 3 || !found_.detours.empty()) return;
    std::vector<std::optional<LinkPath>> up(zones), down(zones);
    for (const ZoneRoute& way : found_.between) {
      keep_common(up[way.from], way.links, false);
      keep_common(down[way.to], way.links, true);
    }
    const bool joined = std::ranges::all_of(found_.between, [&](const ZoneRoute& way) {
      LinkPath both = *up[way.from];
      both.insert(both.end(), down[way.to]->begin(), down[way.to]->end());
      return !up[way.from]->empty() && !down[way.to]->empty() && both == way.links;
    });
    const auto known = [](const std::optional<LinkPath>& path) { return path.has_value(); };
    if (!joined || !std::ranges::all_of(up, known) || !std::ranges::all_of(down, known)) return;
    for (std::size_t zone = 0; zone < zones; ++zone) {
      found_.zone_up.push_back(*up[zone]);
      found_.zone_down.push_back(*down[zone]);
    }
    found_.between.clear();
  }

  /// Cuts `common` down to its longest prefix (suffix, if `at_end`) that `path` has as well.
  static void keep_common(std::optional<LinkPath>& common, const LinkPath& path, bool at_end) {
    if (!common) common = path;
    LinkPath& kept = *common;
    if (at_end) {
      const auto differ =
          std::ranges::mismatch(kept.rbegin(), kept.rend(), path.rbegin(), path.rend());
      kept.erase(kept.begin(), differ.in1.base());
    } else {
      kept.erase(std::ranges::mismatch(kept, path).in1, kept.end());
    }
  }

  LinkKind kind_of(LinkId link) const { return fabric_.links()[link].kind; }
  LinkPath route(std::int64_t from, std::int64_t to) const {
    LinkPath path;
    fabric_.route(from, to, path);
    return path;
  }
  static const LinkPath& port(const std::vector<LinkPath>& ports, std::int64_t gpu) {
    return ports[static_cast<std::size_t>(gpu)];
  }
  static std::span<const LinkId> first(const LinkPath& path, std::size_t links) {
    return std::span(path).first(std::min(links, path.size()));
  }
  static std::ptrdiff_t distance(const LinkPath& path) { return std::ssize(path); }

  const Fabric& fabric_;
  PlatformZones found_;
  std::map<Nic, LinkId> uplink_of_;
  std::unordered_map<LinkId, Vertex> switch_of_;  ///< by a NIC's uplink
};

}  // namespace

PlatformZones zones_of(const Fabric& fabric) {
  STEPCAST_CHECK(fabric.num_nodes() > 1 && !fabric.hashes(), "a fabric without zones");
  return ZoneFinder(fabric).find();
}

}  // namespace stepcast
