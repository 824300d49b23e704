// The keys data_centers and wan of a topology.
#include <algorithm>

#include "sim/topology/topology_json.h"

namespace stepcast {
namespace {

DataCenter read_data_center(const JsonValue& value, Problems& problems,
                            std::span<const NodeGroup> groups) {
  const Faultless faultless(problems);
  Fields fields(value, problems);
  DataCenter center{.name = fields.text("name"),
                    .num_nodes = fields.integer("num_nodes", {.min = 1, .max = kMostNodes}),
                    .fabric = {}};
  if (const auto fabric = fields.required_child("fabric"))
    center.fabric = read_fabric(*fabric, problems, groups);
  if (faultless && !fabric_shape(center.fabric.kind).has_gateway)
    fields.reject("fabric",
                  "= " + std::string(fabric_shape(center.fabric.kind).name) +
                      " has no switch that all nodes reach, where a WAN could begin; take "
                      "another kind");
  fields.finish();
  return center;
}

WanLink read_wan_link(const JsonValue& value, const Topology& topology, Problems& problems) {
  const Faultless faultless(problems);
  std::vector<std::string_view> names;
  for (const DataCenter& center : topology.data_centers) names.push_back(center.name);
  Fields fields(value, problems);
  WanLink link;
  link.a = static_cast<std::int64_t>(fields.choice("a", names));
  link.b = static_cast<std::int64_t>(fields.choice("b", names));
  link.bandwidth = read_rate(fields, "bandwidth", problems);
  link.latency = read_latency(fields, "latency");
  if (faultless && link.a == link.b)
    fields.reject("b", "= \"" + std::string(names[static_cast<std::size_t>(link.b)]) +
                           "\" must differ from a; a data centre has no WAN to itself");
  fields.finish();
  return link;
}

/// Names are told apart, nodes add up, and the WAN reaches every data centre.
void check_data_centers(const JsonValue& list, const Topology& topology, Problems& problems) {
  std::int64_t nodes = 0;
  const std::vector<JsonValue> rows = list.elements();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    nodes += topology.data_centers[i].num_nodes;
    for (std::size_t j = 0; j < i; ++j)
      if (topology.data_centers[i].name == topology.data_centers[j].name)
        problems.add(rows[i].problem("is called \"" + topology.data_centers[i].name +
                                     "\", as another data centre is; names must differ"));
  }
  if (nodes != topology.num_nodes)
    problems.add(list.problem("have " + std::to_string(nodes) + " nodes in all, but there are " +
                              std::to_string(topology.num_nodes)));
}

void check_wan(const JsonValue& data_centers, const Topology& topology, Problems& problems) {
  std::vector<bool> reached(topology.data_centers.size(), false);
  reached[0] = true;
  for (std::size_t round = 0; round < reached.size(); ++round)
    for (const WanLink& link : topology.wan) {
      const auto a = static_cast<std::size_t>(link.a), b = static_cast<std::size_t>(link.b);
      if (reached[a] || reached[b]) reached[a] = reached[b] = true;
    }
  const auto lost = std::ranges::find(reached, false);
  if (lost == reached.end()) return;
  const auto index = static_cast<std::size_t>(lost - reached.begin());
  problems.add(data_centers.elements()[index].problem("is not reached by the WAN from \"" +
                                                      topology.data_centers[0].name +
                                                      "\"; add links to wan"));
}

/// A non-empty list under a key; nothing after a mistake, which is reported.
std::optional<JsonValue> read_list(Fields& fields, std::string_view key, std::size_t most,
                                   Problems& problems) {
  auto list = fields.required_child(key, "a list of objects [...]");
  if (!list || (list->is_array() && !list->elements().empty() && list->elements().size() <= most))
    return list;
  problems.add(list->problem("must be a list of 1 to " + std::to_string(most) + " objects"));
  return std::nullopt;
}

}  // namespace

void read_data_centers(Fields& fields, Problems& problems, Topology& topology) {
  constexpr std::size_t kMost = 64;
  const Faultless faultless(problems);
  const auto list = read_list(fields, "data_centers", kMost, problems);
  if (list)
    for (const JsonValue& element : list->elements())
      topology.data_centers.push_back(read_data_center(element, problems, topology.all_groups()));
  if (faultless) check_data_centers(*list, topology, problems);
  if (!faultless || topology.data_centers.size() == 1) return void(fields.child("wan"));
  const auto wan = read_list(fields, "wan", kMost * kMost, problems);
  if (!wan) return;
  for (const JsonValue& element : wan->elements())
    topology.wan.push_back(read_wan_link(element, topology, problems));
  if (faultless) check_wan(*list, topology, problems);
}

}  // namespace stepcast
