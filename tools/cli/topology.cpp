// stepcast topology: what a cluster is made of, how much gets through it, what it costs, and a
// route.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <algorithm>
#include <charconv>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "sim/base/file_io.h"
#include "sim/base/json_writer.h"
#include "sim/base/printed.h"
#include "sim/base/quantity_text.h"
#include "sim/drawing/topology_svg.h"
#include "sim/scenario/scenario.h"
#include "sim/topology/inspect.h"
#include "sim/topology/upkeep.h"
#include "tools/cli/commands.h"
#include "tools/cli/gpus_option.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string topology;
  std::int64_t gpus = 0;  // 0: all
  std::string route;
  std::string svg;
  bool json = false;
};

struct Hop {
  std::string name;
  Link link;
};

struct Route {
  std::int64_t from = 0, to = 0;
  std::vector<Hop> hops;

  BytesPerSec slowest() const {
    BytesPerSec slowest;
    for (const Hop& hop : hops)
      if (slowest == BytesPerSec{} || hop.link.capacity < slowest) slowest = hop.link.capacity;
    return slowest;
  }
};

struct View {
  Topology topology;
  FabricReport fabric;
  Upkeep upkeep;
  Route route;
};

std::pair<std::int64_t, std::int64_t> ends_of_route(const std::string& text, std::int64_t gpus) {
  if (text.empty()) return {0, gpus - 1};
  std::int64_t from = -1;
  std::int64_t to = -1;
  const char* end = text.data() + text.size();
  const auto [colon, bad_from] = std::from_chars(text.data(), end, from);
  if (bad_from == std::errc() && colon != end && *colon == ':') {
    const auto [stop, bad_to] = std::from_chars(colon + 1, end, to);
    if (bad_to == std::errc() && stop == end && std::min(from, to) >= 0 &&
        std::max(from, to) < gpus)
      return {from, to};
  }
  throw Error(ErrorKind::kUsage, "--route " + text + ": expected two GPUs of 0 to " +
                                     std::to_string(gpus - 1) +
                                     ", such as 0:" + std::to_string(gpus - 1));
}

Route find_route(const Fabric& fabric, const std::string& ends) {
  Route route;
  std::tie(route.from, route.to) = ends_of_route(ends, fabric.num_gpus());
  std::vector<LinkId> path;
  fabric.route(route.from, route.to, path);
  for (const LinkId link : path)
    route.hops.push_back({fabric.link_name(link), fabric.links()[link]});
  return route;
}

View look_at(const Arguments& arguments) {
  View view;
  view.topology = load_topology(arguments.topology, find_library());
  const std::int64_t gpus = gpus_of_option(arguments.gpus, view.topology);
  view.route = find_route(Fabric(view.topology, gpus), arguments.route);
  view.fabric = inspect(view.topology, gpus);
  view.upkeep = upkeep(view.topology, view.fabric.nodes);
  return view;
}

/// GPUs by device, in rank order.
std::vector<std::pair<std::string, std::int64_t>> devices_of(const View& view) {
  std::vector<std::pair<std::string, std::int64_t>> devices;
  for (const NodeGroup& group : view.topology.groups_for(view.fabric.gpus)) {
    const auto known = std::ranges::find_if(
        devices, [&](const auto& device) { return device.first == group.device.name; });
    const std::int64_t gpus = group.num_nodes * view.topology.gpus_of(group.node);
    if (known == devices.end())
      devices.emplace_back(group.device.name, gpus);
    else
      known->second += gpus;
  }
  return devices;
}

std::string devices_text(const View& view) {
  std::string text;
  for (const auto& [name, gpus] : devices_of(view))
    text += (text.empty() ? "" : " and ") + std::to_string(gpus) + " x " + name;
  return text;
}

std::string counts_text(const FabricReport& fabric, std::int64_t sharing) {
  std::string text = printed("  %-28s %9lld\n", sharing > 1 ? "places of ranks" : "GPUs",
                             static_cast<long long>(fabric.gpus));
  const auto add = [&](const std::string& what, std::int64_t count) {
    if (count > 0)
      text += printed("  %-28s %9lld", what.c_str(), static_cast<long long>(count)) + "\n";
  };
  add("nodes", fabric.nodes);
  add("NICs", fabric.nics);
  add("switches inside nodes", fabric.node_switches);
  for (std::size_t i = 0; i < fabric.levels.size(); ++i)
    add("switches of level " + std::to_string(i + 1), fabric.levels[i].switches);
  return text;
}

std::string rate_or_dash(BytesPerSec rate) { return rate > BytesPerSec{} ? to_text(rate) : "-"; }

/// "450 GB/s", or "25 GB/s to 50 GB/s".
std::string range_text(const LinkCount& row) {
  const std::string slowest = to_text(row.slowest);
  return row.slowest == row.fastest ? slowest : slowest + " to " + to_text(row.fastest);
}

std::string links_text(const FabricReport& fabric) {
  std::string text = printed("\n  %-12s %9s  %s\n", "links", "number", "capacity, each direction");
  for (const LinkCount& row : fabric.links)
    text += printed("  %-12s %9lld  ", std::string(name_of(row.kind)).c_str(),
                    static_cast<long long>(row.count)) +
            range_text(row) + "\n";
  return text;
}

std::string levels_text(const FabricReport& fabric) {
  if (fabric.levels.empty()) return "";
  std::string text = printed("\n  %-12s %12s %12s %12s  %s\n", "switches", "from below", "to peers",
                             "to above", "oversubscription");
  for (std::size_t i = 0; i < fabric.levels.size(); ++i) {
    const SwitchLevel& level = fabric.levels[i];
    text += printed("  level %-6zu %12s %12s %12s  ", i + 1, rate_or_dash(level.from_below).c_str(),
                    rate_or_dash(level.to_peers).c_str(), rate_or_dash(level.to_above).c_str());
    text += level.oversubscription > 0 ? number_text(level.oversubscription, 3) + " : 1\n" : "-\n";
  }
  return text;
}

/// What every GPU of the smaller half can send to the other half while all of them do.
BytesPerSec bisection_per_gpu(const FabricReport& fabric) {
  if (fabric.smaller_half_gpus == 0) return {};
  return fabric.bisection / static_cast<double>(fabric.smaller_half_gpus);
}

std::string bisection_text(const FabricReport& fabric) {
  return printed(
             "\n  bisection    %s, %s a GPU of the smaller half (max-flow; alike parts merged to "
             "%lld vertices)\n",
             to_text(fabric.bisection).c_str(), to_text(bisection_per_gpu(fabric)).c_str(),
             static_cast<long long>(fabric.merged_vertices)) +
         printed("  diameter     %lld hops\n", static_cast<long long>(fabric.diameter_hops)) +
         (fabric.connected ? "" : "  NOT CONNECTED: some GPUs can't reach others\n");
}

std::string upkeep_text(const View& view) {
  const Upkeep& upkeep = view.upkeep;
  return printed("  price        %.2f USD/h, and electricity of %.2f USD/h at peak\n",
                 upkeep.rent.value(), upkeep.peak_electricity.value()) +
         printed("  power        %s with idle GPUs, %s at peak, x %s for the building included\n",
                 to_text(upkeep.idle).c_str(), to_text(upkeep.peak).c_str(),
                 number_text(view.topology.power_usage_effectiveness, 3).c_str());
}

std::string route_text(const Route& route) {
  std::string text = printed("\n  route from GPU %lld to GPU %lld",
                             static_cast<long long>(route.from), static_cast<long long>(route.to));
  text += route.hops.empty() ? ": no link\n" : ", at most " + to_text(route.slowest()) + "\n";
  for (const Hop& hop : route.hops)
    text +=
        printed("    %-44s %-10s %s\n", hop.name.c_str(),
                std::string(name_of(hop.link.kind)).c_str(), to_text(hop.link.capacity).c_str());
  return text;
}

std::string to_table(const View& view) {
  const std::int64_t sharing = view.topology.ranks_per_gpu;
  return view.topology.name + ": " + devices_text(view) +
         (sharing > 1 ? ", " + std::to_string(sharing) + " ranks on each" : "") + "\n" +
         counts_text(view.fabric, sharing) + links_text(view.fabric) + levels_text(view.fabric) +
         bisection_text(view.fabric) + upkeep_text(view) + route_text(view.route);
}

void write_levels(JsonWriter& json, const FabricReport& fabric) {
  json.key("levels");
  json.begin_array();
  for (std::size_t i = 0; i < fabric.levels.size(); ++i) {
    const SwitchLevel& level = fabric.levels[i];
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("level", i + 1);
    json.member("switches", level.switches);
    json.member("from_below_bytes_per_s", level.from_below.value());
    json.member("to_peers_bytes_per_s", level.to_peers.value());
    json.member("to_above_bytes_per_s", level.to_above.value());
    json.key("oversubscription");
    level.oversubscription > 0 ? json.value(level.oversubscription) : json.null();
    json.end_object();
  }
  json.end_array();
}

void write_links(JsonWriter& json, const FabricReport& fabric) {
  json.key("links");
  json.begin_array();
  for (const LinkCount& row : fabric.links) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("kind", name_of(row.kind));
    json.member("count", row.count);
    json.member("slowest_bytes_per_s", row.slowest.value());
    json.member("fastest_bytes_per_s", row.fastest.value());
    json.end_object();
  }
  json.end_array();
}

void write_route(JsonWriter& json, const Route& route) {
  json.key("route");
  json.begin_object();
  json.member("from_gpu", route.from);
  json.member("to_gpu", route.to);
  json.member("slowest_bytes_per_s", route.slowest().value());
  json.key("links");
  json.begin_array();
  for (const Hop& hop : route.hops) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("link", hop.name);
    json.member("kind", name_of(hop.link.kind));
    json.member("capacity_bytes_per_s", hop.link.capacity.value());
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_devices(JsonWriter& json, const View& view) {
  json.key("devices");
  json.begin_array();
  for (const auto& [name, gpus] : devices_of(view)) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("name", name);
    json.member("gpus", gpus);
    json.end_object();
  }
  json.end_array();
}

std::string to_json(const View& view) {
  const FabricReport& fabric = view.fabric;
  JsonWriter json;
  json.begin_object();
  json.member("topology", view.topology.name);
  json.member("device", view.topology.device.name);
  write_devices(json, view);
  json.member("gpus", fabric.gpus);
  json.member("ranks_per_gpu", view.topology.ranks_per_gpu);
  json.member("nodes", fabric.nodes);
  json.member("nics", fabric.nics);
  json.member("node_switches", fabric.node_switches);
  write_levels(json, fabric);
  write_links(json, fabric);
  json.member("connected", fabric.connected);
  json.member("bisection_bytes_per_s", fabric.bisection.value());
  json.member("bisection_per_gpu_bytes_per_s", bisection_per_gpu(fabric).value());
  json.member("bisection_vertices", fabric.merged_vertices);
  json.member("diameter_hops", fabric.diameter_hops);
  json.member("price_usd_per_h", view.upkeep.rent.value());
  json.member("peak_electricity_usd_per_h", view.upkeep.peak_electricity.value());
  json.member("idle_power_w", view.upkeep.idle.value());
  json.member("peak_power_w", view.upkeep.peak.value());
  json.member("source", view.topology.source);
  write_route(json, view.route);
  json.end_object();
  return json.text();
}

}  // namespace

void add_topology(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("topology", arguments->topology, "a shipped name or a file")->required();
  app.add_option("--gpus", arguments->gpus, "only the first so many, in whole nodes (all)")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 24));
  app.add_option("--route", arguments->route, "two GPUs, A:B (the first and the last)");
  app.add_option("--svg", arguments->svg, "draws the cluster into this file");
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  run = [arguments] {
    const View view = look_at(*arguments);
    if (!arguments->svg.empty())
      write_text_file_atomically(arguments->svg, topology_svg(view.topology, view.fabric.gpus));
    print(arguments->json ? to_json(view) : to_table(view));
    return 0;
  };
}

}  // namespace stepcast::cli
