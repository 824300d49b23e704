// Switches and links one by one, as the file lists them. Messages take a way of fewest links; of
// several the pair of NICs hashes to one (ecmp.h) at every switch.
#include <algorithm>
#include <map>
#include <set>

#include "sim/base/plain_text.h"
#include "sim/topology/shapes/ecmp.h"

namespace stepcast {
namespace {

constexpr std::size_t kMostSwitches = 2048;  // keeps the table of distances small

/// By switch: the links that leave it. Link 2i leads from links[i].a to links[i].b, 2i + 1 back.
struct Exit {
  std::size_t to = 0;
  LinkId link = 0;
};
std::vector<std::vector<Exit>> exits_of(const FabricSpec& fabric) {
  std::vector<std::vector<Exit>> exits(fabric.switches.size());
  for (std::size_t i = 0; i < fabric.switch_links.size(); ++i) {
    const auto a = static_cast<std::size_t>(fabric.switch_links[i].a);
    const auto b = static_cast<std::size_t>(fabric.switch_links[i].b);
    exits[a].push_back({b, static_cast<LinkId>(2 * i)});
    exits[b].push_back({a, static_cast<LinkId>(2 * i + 1)});
  }
  return exits;
}

/// Links from every switch to `goal`; as many as there are switches where there is no way.
std::vector<std::size_t> distances_to(std::size_t goal,
                                      const std::vector<std::vector<Exit>>& exits) {
  std::vector<std::size_t> distance(exits.size(), exits.size());
  std::vector<std::size_t> queue = {goal};
  distance[goal] = 0;
  for (std::size_t i = 0; i < queue.size(); ++i)
    for (const Exit& exit : exits[queue[i]])
      if (distance[exit.to] == exits.size()) {
        distance[exit.to] = distance[queue[i]] + 1;
        queue.push_back(exit.to);
      }
  return distance;
}

class SwitchGraphWiring final : public SwitchWiring {
 public:
  explicit SwitchGraphWiring(const FabricSpec& fabric)
      : names_(fabric.switches), links_(fabric.switch_links), exits_(exits_of(fabric)) {
    for (std::size_t goal = 0; goal < exits_.size(); ++goal)
      distance_.push_back(distances_to(goal, exits_));
    for (const NicPlug& plug : fabric.nic_plugs)
      switch_of_nic_[{plug.node, plug.nic}] = static_cast<std::size_t>(plug.plugged_into);
  }

  Vertex switch_of(NicPort port) const override { return vertex(place_of(port)); }

  std::string switch_name(const Vertex& vertex) const override {
    return "switch " + names_[static_cast<std::size_t>(vertex.index)];
  }

  std::vector<Cable> cables() const override {
    std::vector<Cable> cables;
    for (const SwitchLink& row : links_) {
      const Link link{LinkKind::kPeer, row.bandwidth, row.latency};
      const Vertex a = vertex(static_cast<std::size_t>(row.a));
      const Vertex b = vertex(static_cast<std::size_t>(row.b));
      cables.push_back({a, b, link});
      cables.push_back({b, a, link});
    }
    return cables;
  }

  /// Where a switch has several links that bring a message nearer to a NIC.
  bool hashes() const override {
    for (const auto& [nic, goal] : switch_of_nic_)
      for (std::size_t at = 0; at < exits_.size(); ++at)
        if (num_nearer(at, goal) > 1) return true;
    return false;
  }

  void route(NicPort from, NicPort to, LinkId base, std::vector<LinkId>& path) const override {
    const std::size_t goal = place_of(to);
    std::uint64_t hash = ecmp_hash(from, to);
    for (std::size_t at = place_of(from); at != goal; hash ^= hash >> 7) {
      const Exit& exit = choose(at, goal, hash);
      path.push_back(base + exit.link);
      at = exit.to;
    }
  }

 private:
  static Vertex vertex(std::size_t index) {
    return {VertexKind::kLeaf, 0, static_cast<std::int64_t>(index)};
  }
  std::size_t place_of(NicPort port) const { return switch_of_nic_.at({port.node, port.nic}); }

  bool brings_nearer(const Exit& exit, std::size_t at, std::size_t goal) const {
    return distance_[goal][exit.to] + 1 == distance_[goal][at];
  }
  std::int64_t num_nearer(std::size_t at, std::size_t goal) const {
    return std::ranges::count_if(exits_[at],
                                 [&](const Exit& exit) { return brings_nearer(exit, at, goal); });
  }
  /// One of the links that bring a message nearer.
  const Exit& choose(std::size_t at, std::size_t goal, std::uint64_t hash) const {
    auto skip = hash % static_cast<std::uint64_t>(num_nearer(at, goal));
    return *std::ranges::find_if(
        exits_[at], [&](const Exit& exit) { return brings_nearer(exit, at, goal) && skip-- == 0; });
  }

  std::vector<std::string> names_;
  std::vector<SwitchLink> links_;
  std::vector<std::vector<Exit>> exits_;
  std::vector<std::vector<std::size_t>> distance_;  ///< by goal, then switch
  std::map<std::pair<std::int64_t, std::int64_t>, std::size_t> switch_of_nic_;
};

/// The elements of a list of objects; nothing after a mistake.
std::vector<JsonValue> list_of(Fields& fields, std::string_view key, Problems& problems) {
  const std::optional<JsonValue> value = fields.required_child(key, "a list [...]");
  if (!value) return {};
  if (value->is_array()) return value->elements();
  problems.add(value->problem("must be a list"));
  return {};
}

void read_switches(Fields& fields, Problems& problems, FabricSpec& fabric) {
  for (const JsonValue& element : list_of(fields, "switches", problems)) {
    const std::string name = element.as_string().value_or("");
    if (name.empty() || has_control_characters(name))
      problems.add(element.problem("must be the name of a switch, without control characters"));
    else if (std::ranges::find(fabric.switches, name) != fabric.switches.end())
      problems.add(element.problem("= \"" + name +
                                   "\" stands here a second time; every switch needs "
                                   "a name of its own"));
    if (fabric.switches.size() == kMostSwitches)
      return problems.add(element.problem("is one too many; there may be " +
                                          std::to_string(kMostSwitches) + " switches"));
    fabric.switches.push_back(name);
  }
}

/// The place of the switch that `key` names.
std::int64_t read_switch(Fields& fields, std::string_view key, const FabricSpec& fabric,
                         Problems& problems) {
  const std::vector<std::string_view> names(fabric.switches.begin(), fabric.switches.end());
  if (!names.empty()) return static_cast<std::int64_t>(fields.choice(key, names));
  problems.add(fields.value().problem("names a switch, but there are none"));
  return 0;
}

SwitchLink read_switch_link(const JsonValue& value, const FabricSpec& fabric, Problems& problems) {
  const std::size_t mistakes = problems.all().size();
  Fields fields(value, problems);
  SwitchLink link;
  link.a = read_switch(fields, "a", fabric, problems);
  link.b = read_switch(fields, "b", fabric, problems);
  link.bandwidth = read_rate(fields, "bandwidth", problems);
  link.latency = read_latency(fields, "latency");
  if (problems.all().size() == mistakes && link.a == link.b)
    fields.reject("b", "must differ from a; a switch has no link to itself");
  fields.finish();
  return link;
}

NicPlug read_plug(const JsonValue& value, const FabricSpec& fabric, Problems& problems) {
  Fields fields(value, problems);
  NicPlug plug;
  plug.node = fields.integer("node", {.min = 0, .max = 65'535});
  plug.nic = fields.integer("nic", {.min = 0, .max = 65'535}, 0);
  plug.plugged_into = read_switch(fields, "switch", fabric, problems);
  fields.finish();
  return plug;
}

}  // namespace

void read_switch_graph(Fields& fields, Problems& problems, FabricSpec& fabric) {
  const std::size_t mistakes = problems.all().size();
  read_switches(fields, problems, fabric);
  const bool named = problems.all().size() == mistakes;
  const std::vector<JsonValue> links = list_of(fields, "links", problems);
  const std::vector<JsonValue> plugs = list_of(fields, "nics", problems);
  if (!named) return;  // names can't be judged
  for (const JsonValue& element : links)
    fabric.switch_links.push_back(read_switch_link(element, fabric, problems));
  for (const JsonValue& element : plugs)
    fabric.nic_plugs.push_back(read_plug(element, fabric, problems));
}

/// Every NIC is plugged in once, and all switches with NICs are connected.
void check_switch_graph(const JsonValue& value, std::span<const NodeGroup> groups,
                        const FabricSpec& fabric, Problems& problems) {
  const JsonValue plugs = *value.member("nics");
  std::set<std::pair<std::int64_t, std::int64_t>> missing;
  std::int64_t node = 0;
  for (const NodeGroup& group : groups)
    for (std::int64_t i = 0; i < group.num_nodes; ++i, ++node)
      for (std::int64_t nic = 0; nic < group.node.nics; ++nic) missing.insert({node, nic});
  const std::vector<JsonValue> rows = plugs.elements();
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (missing.erase({fabric.nic_plugs[i].node, fabric.nic_plugs[i].nic}) == 0)
      problems.add(rows[i].problem("names a NIC that does not exist, or is plugged in already"));
  if (!missing.empty())
    return problems.add(plugs.problem("leaves NIC " + std::to_string(missing.begin()->second) +
                                      " of node " + std::to_string(missing.begin()->first) +
                                      " without a switch; every NIC needs one"));
  const auto exits = exits_of(fabric);
  const auto home = static_cast<std::size_t>(fabric.nic_plugs.front().plugged_into);
  const std::vector<std::size_t> distance = distances_to(home, exits);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (distance[static_cast<std::size_t>(fabric.nic_plugs[i].plugged_into)] == exits.size())
      return problems.add(rows[i].problem("is plugged into a switch that no links join to \"" +
                                          fabric.switches[home] + "\"; add links"));
}

std::shared_ptr<const SwitchWiring> wire_switch_graph(const FabricSpec& fabric, const Ports&) {
  return std::make_shared<SwitchGraphWiring>(fabric);
}

}  // namespace stepcast
