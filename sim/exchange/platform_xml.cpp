#include "sim/exchange/platform_xml.h"

#include "sim/base/quantity_text.h"
#include "sim/base/xml_text.h"

namespace stepcast {
namespace {

constexpr const char* kHead =
    "<?xml version=\"1.0\"?>\n"
    "<!DOCTYPE platform SYSTEM \"https://simgrid.org/simgrid.dtd\">\n"
    "<platform version=\"4.1\">\n"
    "  <config>\n"
    "    <prop id=\"network/model\" value=\"CM02\"/>\n"
    "    <prop id=\"network/crosstraffic\" value=\"0\"/>\n"
    "  </config>\n";

std::string host_name(std::int64_t gpu) { return "gpu" + std::to_string(gpu); }
std::string link_id(LinkId link) { return "link" + std::to_string(link); }

void append_links(const Fabric& fabric, std::string& xml) {
  for (LinkId id = 0; id < fabric.links().size(); ++id) {
    const Link& link = fabric.links()[id];
    xml += "    <link id=\"" + link_id(id) + "\" bandwidth=\"" +
           number_text(link.capacity.value()) + "Bps\" latency=\"0s\" sharing_policy=\"SHARED\">" +
           "<prop id=\"name\" value=\"" + xml_escaped(fabric.link_name(id)) + "\"/></link>\n";
  }
}

void append_routes(const Fabric& fabric, std::string& xml) {
  std::vector<LinkId> path;
  for (std::int64_t from = 0; from < fabric.num_gpus(); ++from)
    for (std::int64_t to = 0; to < fabric.num_gpus(); ++to) {
      if (from == to) continue;
      path.clear();
      fabric.route(from, to, path);
      STEPCAST_CHECK(!path.empty(), "a route without links");
      xml += "    <route src=\"" + host_name(from) + "\" dst=\"" + host_name(to) +
             "\" symmetrical=\"NO\">";
      for (const LinkId link : path) xml += "<link_ctn id=\"" + link_id(link) + "\"/>";
      xml += "</route>\n";
    }
}

}  // namespace

std::string platform_xml(const Topology& topology, std::int64_t num_gpus) {
  if (num_gpus > kMostExportedGpus)
    throw Error(ErrorKind::kUsage, std::to_string(num_gpus) +
                                       " GPUs are too many for a platform file, which has a " +
                                       "route for every pair; use --gpus with at most " +
                                       std::to_string(kMostExportedGpus));
  const Fabric fabric(topology, num_gpus);
  std::string xml = kHead;
  xml += "  <zone id=\"" + xml_escaped(topology.name) + "\" routing=\"Full\">\n";
  for (std::int64_t gpu = 0; gpu < num_gpus; ++gpu)
    xml += "    <host id=\"" + host_name(gpu) + "\" speed=\"" +
           number_text(topology.device.peak_fp32.value()) + "f\"/>\n";
  append_links(fabric, xml);
  append_routes(fabric, xml);
  return xml + "  </zone>\n</platform>\n";
}

}  // namespace stepcast
