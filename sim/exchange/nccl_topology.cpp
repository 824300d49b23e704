// NCCL's XML of a node -> NodeSketch. Elements are system > cpu > pci > ... > gpu | nic > net, with
// nvlink below gpu; c2c, pcilink and whatever newer versions add say nothing that a topology needs.
#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "sim/exchange/bounded_xml.h"
#include "sim/exchange/node_sketch.h"

namespace stepcast {
namespace {

struct Gpu {
  pugi::xml_node element;
  std::int64_t dev = 0;
  std::string bus;
  std::string root;  ///< bus of the outermost PCIe switch above it; its own without one
};

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c | 0x20);
  return text;
}

bool has_prefix(const std::string& pci_class, std::string_view prefix) {
  return lower(pci_class).starts_with(prefix);
}

/// Data rate of a slot: transfers per second and lane, times the share of payload bits of the
/// encoding (PCI Express base specification: 8b/10b up to 5 GT/s, then 128b/130b, 242 of 256 bytes
/// of a flit at 64 GT/s).
BytesPerSec slot_bandwidth(double giga_transfers, std::int64_t lanes) {
  const double coding = giga_transfers <= 5    ? 8.0 / 10
                        : giga_transfers <= 32 ? 128.0 / 130
                                               : 242.0 / 256;
  return BytesPerSec(giga_transfers * 1e9 / 8 * coding * static_cast<double>(lanes));
}

class NcclReader {
 public:
  NcclReader(const std::string& text, const std::string& file) : xml_(text, file), file_(file) {
    sketch_.source =
        "imported from " + file.substr(file.find_last_of('/') + 1) + " (NCCL topology of one node)";
  }

  NodeSketch read() {
    check_system();
    collect(xml_.root());
    check_numbers();
    problems_.raise_if_any();
    read_compute_capability();
    read_nvlinks();
    problems_.raise_if_any();
    if (sketch_.joints == Joints::kPcie) read_pcie_switches();
    problems_.raise_if_any();
    keep_fastest_nics();
    return std::move(sketch_);
  }

 private:
  void check_system() {
    const pugi::xml_node root = xml_.root();
    if (std::string(root.name()) != "system")
      throw Error(ErrorKind::kInput,
                  {{.file = file_,
                    .line = 1,
                    .message = "is no NCCL topology: its root is <" + std::string(root.name()) +
                               ">, not <system>; write one with NCCL_TOPO_DUMP_FILE"}});
    const std::string version = xml_.text(root, "version", problems_);
    if (root.attribute("version") && version != "1")
      xml_.reject(root, "version", "= \"" + version.substr(0, 20) + "\" is unknown; known: 1",
                  problems_);
  }

  /// GPUs and NICs in file order. Depth is bounded by the reader of the document.
  void collect(pugi::xml_node element) {
    for (const pugi::xml_node child : element.children()) {
      const std::string name = child.name();
      if (name == "gpu") add_gpu(child);
      if (name == "net") add_nic(child);
      collect(child);
    }
  }

  void add_gpu(pugi::xml_node element) {
    const pugi::xml_node pci = element.parent();
    if (std::string(pci.name()) != "pci")
      return xml_.reject(element, "", ": must stand in a <pci>", problems_);
    Gpu gpu;
    gpu.element = element;
    gpu.dev = xml_.integer(element, "dev", 0, 1023, problems_);
    gpu.bus = lower(xml_.text(pci, "busid", problems_));
    gpu.root = gpu.bus;
    for (pugi::xml_node above = pci.parent(); std::string(above.name()) == "pci";
         above = above.parent())
      gpu.root = lower(xml_.text(above, "busid", problems_));
    gpus_.push_back(gpu);
  }

  /// Speeds are in Mb/s; NCCL writes 0 or -1 when it does not know.
  void add_nic(pugi::xml_node element) {
    const std::int64_t megabits = xml_.integer(element, "speed", -1, 100'000'000, problems_);
    const std::string name = xml_.text(element, "name", problems_);
    sketch_.nics.push_back(
        {name, BytesPerSec(static_cast<double>(std::max<std::int64_t>(megabits, 0)) * 1e6 / 8)});
  }

  void check_numbers() {
    if (gpus_.empty() && problems_.empty())
      xml_.reject(xml_.root(), "", ": names no <gpu>; dump it from a job that uses all GPUs",
                  problems_);
    std::ranges::stable_sort(gpus_, {}, &Gpu::dev);
    std::set<std::string> buses;
    for (std::size_t i = 0; i < gpus_.size(); ++i) {
      if (gpus_[i].dev != static_cast<std::int64_t>(i))
        return xml_.reject(gpus_[i].element, "dev",
                           "= " + std::to_string(gpus_[i].dev) + ", but the GPUs of one node are " +
                               "numbered 0, 1, ...: GPU " + std::to_string(i) +
                               " is missing or one is there twice",
                           problems_);
      if (!buses.insert(gpus_[i].bus).second)
        xml_.reject(gpus_[i].element.parent(), "busid", "= \"" + gpus_[i].bus + "\" is there twice",
                    problems_);
    }
    sketch_.gpus = static_cast<std::int64_t>(gpus_.size());
  }

  void read_compute_capability() {
    std::vector<std::int64_t> capabilities;
    for (const Gpu& gpu : gpus_)
      capabilities.push_back(xml_.integer(gpu.element, "sm", 10, 999, problems_));
    problems_.raise_if_any();
    sketch_.compute_capability = capabilities.front();
    for (std::size_t i = 0; i < gpus_.size(); ++i)
      if (capabilities[i] != capabilities.front())
        xml_.reject(gpus_[i].element, "sm",
                    "= " + std::to_string(capabilities[i]) + ", but GPU 0 has " +
                        std::to_string(capabilities.front()) +
                        "; the GPUs of an imported node must be alike",
                    problems_);
  }

  /// The GPU at a bus, by its number.
  std::optional<std::int64_t> gpu_at(const std::string& bus) const {
    const auto gpu = std::ranges::find(gpus_, bus, &Gpu::bus);
    if (gpu == gpus_.end()) return std::nullopt;
    return gpu->dev;
  }

  void read_nvlinks() {
    std::vector<std::int64_t> to_switches(gpus_.size(), 0);
    std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> pairs;
    for (const Gpu& gpu : gpus_)
      for (const pugi::xml_node nvlink : gpu.element.children("nvlink")) {
        const std::int64_t count = xml_.integer(nvlink, "count", 1, 1024, problems_);
        const std::string kind = xml_.text(nvlink, "tclass", problems_);
        const std::string target = lower(xml_.text(nvlink, "target", problems_));
        const auto peer = gpu_at(target);
        if (has_prefix(kind, "0x068000"))
          to_switches[static_cast<std::size_t>(gpu.dev)] += count;
        else if (has_prefix(kind, "0x03") && peer && *peer != gpu.dev)
          pairs[{gpu.dev, *peer}] += count;
        else if (has_prefix(kind, "0x03"))
          xml_.reject(nvlink, "target",
                      "= \"" + target.substr(0, 40) + "\" must be the busid of another GPU",
                      problems_);
        else if (!has_prefix(kind, "0x068001"))
          xml_.reject(
              nvlink, "tclass",
              "= \"" + kind.substr(0, 20) +
                  "\" is unknown; known: 0x068000 (NVSwitch), 0x068001 (CPU), 0x03... (GPU)",
              problems_);
        else if (sketch_.notes.empty())
          sketch_.notes.push_back("NVLinks to the CPU are left out");
      }
    if (problems_.empty()) settle_joints(to_switches, pairs);
  }

  void settle_joints(const std::vector<std::int64_t>& to_switches,
                     const std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t>& pairs) {
    const std::int64_t first = to_switches.front();
    if (std::ranges::any_of(to_switches, [&](std::int64_t count) { return count != first; }))
      throw unsupported("its GPUs have different numbers of NVLinks to NVSwitches");
    if (first > 0 && !pairs.empty())
      throw unsupported("it has NVLinks to NVSwitches and between GPUs");
    for (const auto& [ends, count] : pairs) {
      const auto back = pairs.find({ends.second, ends.first});
      if (back == pairs.end() || back->second != count)
        xml_.reject(gpus_[static_cast<std::size_t>(ends.first)].element, "nvlink",
                    ": has " + std::to_string(count) + " to GPU " + std::to_string(ends.second) +
                        ", which has " + std::to_string(back == pairs.end() ? 0 : back->second) +
                        " back; both ends must say the same",
                    problems_);
      if (ends.first < ends.second) sketch_.nvlinks.push_back({ends.first, ends.second, count});
    }
    sketch_.switch_nvlinks = first;
    sketch_.joints = first > 0 ? Joints::kNvswitch : pairs.empty() ? Joints::kPcie : Joints::kPairs;
  }

  /// GPUs under one outermost PCIe switch share it. Slots run at the rate of the slowest.
  void read_pcie_switches() {
    std::vector<std::int64_t> sizes;  // of runs of GPUs with one root
    for (std::size_t i = 0; i < gpus_.size(); ++i) {
      if (i == 0 || gpus_[i].root != gpus_[i - 1].root) sizes.push_back(0);
      ++sizes.back();
    }
    std::set<std::string> roots;
    for (const Gpu& gpu : gpus_) roots.insert(gpu.root);
    if (roots.size() != sizes.size() ||
        std::ranges::count(sizes, sizes.front()) != static_cast<std::ptrdiff_t>(sizes.size()))
      throw unsupported("its PCIe switches hold different numbers of GPUs, or GPUs out of order");
    sketch_.gpus_per_pcie_switch = sizes.front();
    for (const Gpu& gpu : gpus_) {
      const BytesPerSec slot = read_slot(gpu.element.parent());
      if (sketch_.pcie_bandwidth == BytesPerSec{} || slot < sketch_.pcie_bandwidth)
        sketch_.pcie_bandwidth = slot;
    }
  }

  BytesPerSec read_slot(pugi::xml_node pci) {
    static const std::map<std::string, double> kSpeeds = {
        {"2.5", 2.5}, {"5", 5},   {"5.0", 5},   {"8", 8},   {"8.0", 8},  {"16", 16},
        {"16.0", 16}, {"32", 32}, {"32.0", 32}, {"64", 64}, {"64.0", 64}};
    const std::string speed = xml_.text(pci, "link_speed", problems_);
    const auto known = kSpeeds.find(speed.substr(0, speed.find(' ')));
    if (known == kSpeeds.end() && pci.attribute("link_speed"))
      xml_.reject(pci, "link_speed",
                  "= \"" + speed.substr(0, 40) + "\" is unknown; known: 2.5, 5, 8, 16, 32, 64 GT/s",
                  problems_);
    const std::int64_t lanes = xml_.integer(pci, "link_width", 1, 32, problems_);
    return slot_bandwidth(known == kSpeeds.end() ? 1 : known->second, lanes);
  }

  /// Nodes often have slower NICs besides, for storage; NCCL uses the fastest.
  void keep_fastest_nics() {
    BytesPerSec fastest;
    for (const NicSketch& nic : sketch_.nics) fastest = std::max(fastest, nic.bandwidth);
    for (const NicSketch& nic : sketch_.nics)
      if (nic.bandwidth < fastest)
        sketch_.notes.push_back("NIC " + nic.name + " is left out: slower than others");
    std::erase_if(sketch_.nics, [&](const NicSketch& nic) { return nic.bandwidth < fastest; });
  }

  Error unsupported(const std::string& why) const {
    return Error(ErrorKind::kUnsupported,
                 {{.file = file_, .message = "can't be described as one node: " + why}});
  }

  BoundedXml xml_;
  std::string file_;
  Problems problems_;
  NodeSketch sketch_;
  std::vector<Gpu> gpus_;
};

}  // namespace

NodeSketch read_nccl_topology(const std::string& text, const std::string& file) {
  return NcclReader(text, file).read();
}

}  // namespace stepcast
