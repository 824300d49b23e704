// SimGrid's ways of routing, as its XML has them:
// - "Full": a route for every pair of hosts, or of zones with their gateways.
// - "Cluster": every host has one link up and one down, which all its traffic takes.
// - "Floyd", "DijkstraCache": shortest paths over the routes that are given. With a hub in the
//   middle they are what Cluster is, for zones and for several links; the first keeps a table of
//   all pairs (cubic time to fill), the second searches when it is asked.
// A bypass goes before all that. Between GPUs of different zones it can be given for their zones
// only: then every GPU is a zone of its own.
#include "sim/exchange/platform_xml.h"

#include "sim/base/quantity_text.h"
#include "sim/base/xml_text.h"
#include "sim/exchange/platform_zones.h"

namespace stepcast {
namespace {

constexpr const char* kHead =
    "<?xml version=\"1.0\"?>\n"
    "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
    "<platform version=\"4.1\">\n"
    "  <config>\n"
    "    <prop id=\"network/model\" value=\"CM02\"/>\n"
    "    <prop id=\"network/crosstraffic\" value=\"0\"/>\n"
    "    <prop id=\"network/TCP-gamma\" value=\"1e30\"/>\n"
    "  </config>\n";

/// Above this Floyd's table takes seconds.
constexpr std::size_t kMostAroundFloyd = 600;

/// Reads back as the same number.
std::string exact(double value) { return number_text(value, 17); }
std::string host_name(std::int64_t gpu) { return "gpu" + std::to_string(gpu); }
std::string zone_of_gpu(std::int64_t gpu) { return "only_gpu" + std::to_string(gpu); }
std::string zone_name(std::size_t zone) { return "switch" + std::to_string(zone); }
std::string gateway_of(std::size_t zone) { return "port" + std::to_string(zone); }
std::string link_id(LinkId link) { return "link" + std::to_string(link); }

/// Where a route begins or ends: a host, or a zone and its gateway.
struct End {
  std::string id;
  std::string gateway{};  ///< empty for a host
};
End end_of_gpu(std::int64_t gpu, bool in_zone_of_its_own) {
  if (in_zone_of_its_own) return {zone_of_gpu(gpu), host_name(gpu)};
  return {host_name(gpu)};
}
End end_of_zone(std::size_t zone) { return {zone_name(zone), gateway_of(zone)}; }

class PlatformWriter {
 public:
  PlatformWriter(const Topology& topology, std::int64_t num_gpus)
      : topology_(topology), fabric_(topology, num_gpus) {}

  std::string write() {
    if (fabric_.num_nodes() == 1 || fabric_.hashes())
      write_pairs();
    else
      write_zones(zones_of(fabric_));
    return std::move(xml_) + "</platform>\n";
  }

 private:
  void write_pairs() {
    const std::int64_t gpus = fabric_.num_gpus();
    begin("Full");
    for (std::int64_t gpu = 0; gpu < gpus; ++gpu) add_host(gpu);
    add_links();
    for (std::int64_t from = 0; from < gpus; ++from)
      for (std::int64_t to = 0; to < gpus; ++to)
        if (from != to)
          add_route("route", end_of_gpu(from, false), end_of_gpu(to, false), route(from, to));
    xml_ += "</zone>\n";
  }

  void write_zones(const PlatformZones& zones) {
    const bool hub = !zones.zone_up.empty();
    begin(hub ? routing_around_hub(zones.zones.size()) : "Full");
    const End middle{"between_switches", "middle"};
    add_hub(middle, true);
    for (std::size_t zone = 0; zone < zones.zones.size(); ++zone) add_zone(zones, zone);
    for (std::size_t zone = 0; zone < zones.zone_up.size(); ++zone)
      add_spoke(end_of_zone(zone), middle, zones.zone_up[zone], zones.zone_down[zone]);
    for (const ZoneRoute& way : zones.between)
      add_route("zoneRoute", end_of_zone(way.from), end_of_zone(way.to), way.links);
    for (const Detour& detour : zones.detours)
      add_route("bypassZoneRoute", end_of_gpu(detour.gpu, true),
                {zone_name(detour.to), host_name(detour.through)}, detour.links);
    if (zones.nodes_are_split) add_pairs_in_nodes(zones, std::nullopt);
    xml_ += "</zone>\n";
  }

  void add_zone(const PlatformZones& zones, std::size_t zone) {
    const SwitchZone& members = zones.zones[zone];
    const bool split = zones.nodes_are_split;
    const bool hub = split || !has_single_links(zones, members);
    xml_ += "<zone id=\"" + zone_name(zone) + "\" routing=\"" +
            (hub ? routing_around_hub(members.gpus.size()) : "Cluster") +
            "\"><prop id=\"name\" value=\"" + xml_escaped(fabric_.name_of(members.at)) + "\"/>\n";
    for (const std::int64_t gpu : members.gpus) split ? add_zone_of_gpu(gpu) : add_host(gpu);
    End middle{gateway_of(zone)};
    if (split)
      add_hub(middle = {"in_" + zone_name(zone), gateway_of(zone)});
    else
      xml_ += "<router id=\"" + gateway_of(zone) + "\"/>\n";
    for (const std::int64_t gpu : members.gpus) {
      const auto g = static_cast<std::size_t>(gpu);
      if (hub)
        add_spoke(end_of_gpu(gpu, split), middle, zones.up[g], zones.down[g]);
      else
        xml_ += "<host_link id=\"" + host_name(gpu) + "\" up=\"" + link_id(zones.up[g][0]) +
                "\" down=\"" + link_id(zones.down[g][0]) + "\"/>\n";
    }
    add_pairs_in_nodes(zones, zone);
    xml_ += "</zone>\n";
  }

  static bool has_single_links(const PlatformZones& zones, const SwitchZone& members) {
    for (const std::int64_t gpu : members.gpus)
      if (const auto g = static_cast<std::size_t>(gpu);
          zones.up[g].size() > 1 || zones.down[g].size() > 1)
        return false;
    return true;
  }
  static std::string routing_around_hub(std::size_t members) {
    return members <= kMostAroundFloyd ? "Floyd" : "DijkstraCache";
  }

  /// GPUs of one node, as far as they are in one zone, or in different ones: a bypass stands in the
  /// smallest zone that both are in.
  void add_pairs_in_nodes(const PlatformZones& zones, std::optional<std::size_t> zone) {
    const std::string tag = zones.nodes_are_split ? "bypassZoneRoute" : "bypassRoute";
    const auto zone_of = [&](std::int64_t gpu) {
      return zones.zone_of[static_cast<std::size_t>(gpu)];
    };
    const auto add_from = [&](std::int64_t from) {
      const std::int64_t node = fabric_.node_of(from);
      for (std::int64_t to = fabric_.first_gpu_of(node); to < end_of_node(node); ++to)
        if (from != to && (zone_of(from) == zone_of(to)) == zone.has_value())
          add_route(tag, end_of_gpu(from, zones.nodes_are_split),
                    end_of_gpu(to, zones.nodes_are_split), route(from, to));
    };
    if (zone)
      std::ranges::for_each(zones.zones[*zone].gpus, add_from);
    else
      for (std::int64_t gpu = 0; gpu < fabric_.num_gpus(); ++gpu) add_from(gpu);
  }
  std::int64_t end_of_node(std::int64_t node) const {
    return node + 1 < fabric_.num_nodes() ? fabric_.first_gpu_of(node + 1) : fabric_.num_gpus();
  }
  void check_size() const {
    if (xml_.size() <= kMostPlatformBytes) return;
    throw Error(ErrorKind::kUnsupported,
                std::to_string(fabric_.num_gpus()) + " GPUs of topology \"" + topology_.name +
                    "\" need a platform file of more than " +
                    std::to_string(kMostPlatformBytes / 1'000'000) +
                    " MB: every two GPUs of a node have a route, every two switches with NICs that "
                    "no hub joins, and every two GPUs at all where flows hash to one of several "
                    "ways; use --gpus with fewer");
  }

  void begin(const std::string& routing) {
    xml_ = kHead;
    xml_ += "<zone id=\"" + xml_escaped(topology_.name) + "\" routing=\"" + routing + "\">\n";
  }
  void add_host(std::int64_t gpu) {
    xml_ += "<host id=\"" + host_name(gpu) + "\" speed=\"" +
            number_text(topology_.device.peak_fp32.value()) + "f\"/>\n";
  }
  void add_zone_of_gpu(std::int64_t gpu) {
    xml_ += "<zone id=\"" + zone_of_gpu(gpu) + "\" routing=\"Cluster\">";
    add_host(gpu);
    xml_ += "</zone>\n";
  }
  /// A zone may not begin with links and go on with zones: all links are in a zone that comes
  /// first.
  void add_hub(const End& hub, bool with_links = false) {
    xml_ += "<zone id=\"" + hub.id + "\" routing=\"Cluster\"><router id=\"" + hub.gateway + "\"/>";
    if (with_links) add_links();
    xml_ += "</zone>\n";
  }
  void add_links() {
    std::vector<std::string> names(fabric_.links().size());
    for (const Wire& wire : fabric_.wires())
      if (wire.link != Wire::kNoLink)
        names[wire.link] = fabric_.name_of(wire.from) + " -> " + fabric_.name_of(wire.to);
    for (LinkId id = 0; id < names.size(); ++id) {
      const Link& link = fabric_.links()[id];
      xml_ += "<link id=\"" + link_id(id) + "\" bandwidth=\"" + exact(link.capacity.value()) +
              "Bps\" latency=\"" + exact(link.latency.value()) +
              "s\" sharing_policy=\"SHARED\"><prop id=\"name\" value=\"" + xml_escaped(names[id]) +
              "\"/></link>\n";
    }
  }
  void add_spoke(const End& end, const End& hub, const LinkPath& up, const LinkPath& down) {
    const std::string tag = hub.gateway.empty() ? "route" : "zoneRoute";
    add_route(tag, end, hub, up);
    add_route(tag, hub, end, down);
  }
  void add_route(const std::string& tag, const End& from, const End& to, const LinkPath& links) {
    STEPCAST_CHECK(!links.empty(), "a route without links");
    check_size();
    xml_ += "<" + tag + " src=\"" + from.id + "\" dst=\"" + to.id + "\"";
    if (!from.gateway.empty())
      xml_ += " gw_src=\"" + from.gateway + "\" gw_dst=\"" + to.gateway + "\"";
    if (!tag.starts_with("bypass")) xml_ += " symmetrical=\"NO\"";
    xml_ += ">";
    for (const LinkId link : links) xml_ += "<link_ctn id=\"" + link_id(link) + "\"/>";
    xml_ += "</" + tag + ">\n";
  }
  LinkPath route(std::int64_t from, std::int64_t to) const {
    LinkPath path;
    fabric_.route(from, to, path);
    return path;
  }

  const Topology& topology_;
  Fabric fabric_;
  std::string xml_;
};

}  // namespace

std::string platform_xml(const Topology& topology, std::int64_t num_gpus) {
  if (topology.ranks_per_gpu > 1)
    throw Error(ErrorKind::kUnsupported,
                "topology \"" + topology.name +
                    "\": ranks_per_gpu = " + std::to_string(topology.ranks_per_gpu) +
                    ": a SimGrid platform has a host for each GPU, with links of its own, and no "
                    "places that share one; set ranks_per_gpu to 1");
  return PlatformWriter(topology, num_gpus).write();
}

}  // namespace stepcast
