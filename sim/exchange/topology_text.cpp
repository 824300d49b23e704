// A sketch of a node and what the user adds -> topologies/*.json.
#include <algorithm>
#include <array>

#include "sim/base/json_writer.h"
#include "sim/base/quantity_text.h"
#include "sim/exchange/node_sketch.h"

namespace stepcast {
namespace {

/// NVIDIA's architecture white papers (V100 2017, A100 2020, H100 2022, Blackwell 2024): NVLinks of
/// a GPU, each so fast in either direction; compute capabilities by the CUDA programming guide.
struct Generation {
  std::string_view name;
  std::int64_t lowest_capability, highest_capability;
  std::int64_t nvlinks;
  BytesPerSec nvlink_bandwidth;
};
constexpr std::array kGenerations = {
    Generation{"volta", 70, 72, 6, BytesPerSec(25e9)},
    Generation{"ampere", 80, 87, 12, BytesPerSec(25e9)},
    Generation{"ada", 89, 89, 0, BytesPerSec(0)},
    Generation{"hopper", 90, 90, 18, BytesPerSec(25e9)},
    Generation{"blackwell", 100, 121, 18, BytesPerSec(50e9)},
};

std::string text_of(BytesPerSec rate) { return number_text(rate.value() / 1e9) + " GB/s"; }

/// What the topology says of its node, once all gaps are filled.
struct NodeText {
  std::string_view intra;
  BytesPerSec intra_bandwidth;
  std::vector<MeshLink> mesh;
  std::int64_t gpus_per_pcie_switch = 0;
  std::int64_t nics = 0;
  BytesPerSec nic_bandwidth;
  Watts host_power;
};

class Describer {
 public:
  Describer(NodeSketch sketch, const ImportOptions& options, const std::optional<Device>& device)
      : sketch_(std::move(sketch)), options_(options), device_(device) {}

  std::string text() {
    require(options_.name, "--name", "what the topology is called");
    require(options_.device, "--device", "`stepcast list devices` shows which there are");
    require(options_.device_profile, "--device-profile", "`stepcast list device_profiles`");
    require(options_.network_profile, "--network-profile", "`stepcast list network_profiles`");
    if (options_.num_nodes < 1)
      missing("--nodes", "the file describes one node; how many are there?");
    node_.host_power = quantity<Watts>(
        options_.host_power, "--host-power", {},
        "CPUs, fans and NICs of a node under load, such as \"2300 W\"; \"0 W\" counts GPUs alone");
    settle_nics();
    if (device_) settle_joints();
    problems_.raise_if_any(ErrorKind::kUsage);
    return written();
  }

 private:
  void missing(const std::string& option, const std::string& hint) {
    problems_.add({.message = option + ": missing, and the file does not say it; " + hint});
  }
  void require(const std::string& value, const std::string& option, const std::string& hint) {
    if (value.empty()) missing(option, hint);
  }

  /// The option, else what the file said, else a problem.
  template <typename Q>
  Q quantity(const std::string& option_text, const std::string& option, Q from_file,
             const std::string& hint) {
    if (option_text.empty()) {
      if (from_file == Q{}) missing(option, hint);
      return from_file;
    }
    std::string why;
    const auto value = parse_quantity<Q>(option_text, why);
    if (!value) problems_.add({.message = option + " \"" + option_text + "\" " + why});
    return value.value_or(Q{});
  }

  void settle_nics() {
    for (const std::string& name : options_.nics)
      if (std::ranges::find(sketch_.nics, name, &NicSketch::name) == sketch_.nics.end())
        problems_.add({.message = "--nics: no NIC is called " + name + known_nics()});
    if (!options_.nics.empty())
      std::erase_if(sketch_.nics, [&](const NicSketch& nic) {
        return std::ranges::find(options_.nics, nic.name) == options_.nics.end();
      });
    if (sketch_.nics.empty()) return check_alone();
    node_.nic_bandwidth = quantity<BytesPerSec>(options_.nic_bandwidth, "--nic-bandwidth",
                                                sketch_.nics.front().bandwidth,
                                                "the rate of one NIC, such as \"400 Gb/s\"");
    share_nics();
  }

  std::string known_nics() const {
    std::string text;
    for (const NicSketch& nic : sketch_.nics)
      text += (text.empty() ? "; known: " : ", ") + nic.name;
    return text.empty() ? "; the file has none" : text;
  }

  void check_alone() {
    if (options_.num_nodes > 1)
      problems_.add({.message = "--nodes " + std::to_string(options_.num_nodes) +
                                ": the file shows no NIC that could join nodes"});
  }

  /// Every NIC serves as many GPUs, or every GPU has as many NICs and they count as one.
  void share_nics() {
    node_.nics = static_cast<std::int64_t>(sketch_.nics.size());
    if (sketch_.gpus % node_.nics == 0) return;
    if (node_.nics % sketch_.gpus != 0)
      throw Error(ErrorKind::kUnsupported, std::to_string(node_.nics) +
                                               " NICs can't be shared out evenly to " +
                                               std::to_string(sketch_.gpus) +
                                               " GPUs; choose some with --nics" + known_nics());
    const std::int64_t each = node_.nics / sketch_.gpus;
    node_.nic_bandwidth = node_.nic_bandwidth * static_cast<double>(each);
    node_.nics = sketch_.gpus;
    sketch_.notes.push_back(std::to_string(each) + " NICs of each GPU count as one");
  }

  void settle_joints() {
    const auto generation = std::ranges::find(kGenerations, device_->generation, &Generation::name);
    STEPCAST_CHECK(generation != kGenerations.end(), "a device of an unknown generation was read");
    const std::int64_t capability = sketch_.compute_capability;
    if (capability != 0 &&
        (capability < generation->lowest_capability || capability > generation->highest_capability))
      throw Error(ErrorKind::kInput, "--device " + device_->name + " is of generation " +
                                         device_->generation + ", but the file describes sm" +
                                         std::to_string(capability));
    if (sketch_.joints == Joints::kAllAlike) tell_switch_from_mesh(*generation);
    switch (sketch_.joints) {
      case Joints::kPcie:
        return describe_pcie();
      case Joints::kPairs:
        check_nvlinks(*generation);
        node_.intra = "mesh";
        node_.mesh = sketch_.nvlinks;
        node_.intra_bandwidth = nvlink(*generation);
        return;
      case Joints::kNvswitch:
      case Joints::kAllAlike:
        check_nvlinks(*generation);
        node_.intra = "nvswitch";
        node_.intra_bandwidth = nvlink(*generation) * static_cast<double>(sketch_.switch_nvlinks);
    }
  }

  BytesPerSec nvlink(const Generation& generation) {
    return quantity<BytesPerSec>(options_.nvlink_bandwidth, "--nvlink-bandwidth",
                                 generation.nvlink_bandwidth, "the rate of one NVLink");
  }

  /// Every pair shows the same number. In a mesh, a GPU has that many links to each of the others;
  /// where it has not so many, they all lead to NVSwitches.
  void tell_switch_from_mesh(const Generation& generation) {
    const std::int64_t each = sketch_.nvlinks.front().count;
    const bool mesh = each * (sketch_.gpus - 1) <= generation.nvlinks;
    sketch_.joints = mesh ? Joints::kPairs : Joints::kNvswitch;
    if (!mesh) sketch_.switch_nvlinks = each;
  }

  void check_nvlinks(const Generation& generation) {
    std::vector<std::int64_t> links(static_cast<std::size_t>(sketch_.gpus), sketch_.switch_nvlinks);
    if (sketch_.joints == Joints::kPairs)
      for (const MeshLink& link : sketch_.nvlinks)
        for (const std::int64_t gpu : {link.a, link.b})
          links[static_cast<std::size_t>(gpu)] += link.count;
    const std::int64_t most = *std::ranges::max_element(links);
    if (most > generation.nvlinks)
      throw Error(ErrorKind::kInput,
                  "--device " + device_->name + " has " + std::to_string(generation.nvlinks) +
                      " NVLinks, but the file describes a GPU with " + std::to_string(most));
  }

  void describe_pcie() {
    node_.intra = "pcie";
    node_.gpus_per_pcie_switch = sketch_.gpus_per_pcie_switch;
    node_.intra_bandwidth =
        quantity<BytesPerSec>(options_.pcie_bandwidth, "--pcie-bandwidth", sketch_.pcie_bandwidth,
                              "the rate of a GPU's slot, such as \"31.5 GB/s\" for Gen4 x16");
  }

  void write_node(JsonWriter& json) const {
    json.begin_object();
    json.member("gpus", sketch_.gpus);
    json.member("intra", node_.intra);
    json.member("intra_bandwidth", text_of(node_.intra_bandwidth));
    json.member("nics", node_.nics);
    if (node_.nics > 0) json.member("nic_bandwidth", text_of(node_.nic_bandwidth));
    json.member("host_power", number_text(node_.host_power.value()) + " W");
    if (node_.gpus_per_pcie_switch > 0)
      json.member("gpus_per_pcie_switch", node_.gpus_per_pcie_switch);
    if (!node_.mesh.empty()) {
      json.key("mesh");
      json.begin_array();
      for (const MeshLink& link : node_.mesh) {
        json.begin_object(JsonWriter::Layout::kOneLine);
        json.member("a", link.a);
        json.member("b", link.b);
        json.member("count", link.count);
        json.end_object();
      }
      json.end_array();
    }
    json.end_object();
  }

  std::string comment() const {
    std::string comment = "no prices were given";
    if (options_.num_nodes > 1)
      comment += "; what joins the nodes was not given: one switch that never blocks";
    for (const std::string& note : sketch_.notes) comment += "; " + note;
    return comment;
  }

  std::string written() const {
    JsonWriter json;
    json.begin_object();
    json.member("name", options_.name);
    json.member("device", options_.device);
    json.member("num_nodes", options_.num_nodes);
    json.key("node");
    write_node(json);
    if (options_.num_nodes > 1) {
      json.key("fabric");
      json.begin_object(JsonWriter::Layout::kOneLine);
      json.member("kind", "single_switch");
      json.end_object();
    }
    json.member("device_profile", options_.device_profile);
    json.member("network_profile", options_.network_profile);
    json.member("source", sketch_.source);
    json.member("comment", comment());
    json.end_object();
    return json.text();
  }

  NodeSketch sketch_;
  const ImportOptions& options_;
  const std::optional<Device>& device_;
  Problems problems_;
  NodeText node_;
};

}  // namespace

std::string topology_text(NodeSketch sketch, const ImportOptions& options,
                          const std::optional<Device>& device) {
  return Describer(std::move(sketch), options, device).text();
}

}  // namespace stepcast
