// stepcast import: a topology file from what NVIDIA's tools print of one node.
#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <array>
#include <filesystem>
#include <memory>

#include "sim/base/file_io.h"
#include "sim/exchange/node_sketch.h"
#include "sim/scenario/references.h"
#include "sim/scenario/scenario.h"
#include "tools/cli/commands.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string format;
  std::string file;
  std::string output;
  ImportOptions options;
};

struct Format {
  std::string_view name;
  NodeSketch (*read)(const std::string& text, const std::string& file);
};

constexpr std::array kFormats = {
    Format{"nccl-topology", read_nccl_topology},
    Format{"nvidia-smi-topo", read_nvidia_smi_topology},
};

const Format& find_format(const std::string& name) {
  std::string known;
  for (const Format& format : kFormats) {
    if (format.name == name) return format;
    known += (known.empty() ? "" : ", ") + std::string(format.name);
  }
  throw Error(ErrorKind::kUsage, "import " + name + ": unknown format; known: " + known);
}

std::optional<Device> find_device(const std::string& name, const Library& library) {
  if (name.empty()) return std::nullopt;
  return load_device(name, library);
}

/// What was written must be what `check` and all other commands accept.
void check_topology(const std::string& text, const std::string& name, const Library& library) {
  Problems problems;
  References(library, problems).topology(parse_json(text, name).root());
  problems.raise_if_any();
}

int import_command(Arguments arguments) {
  const Format& format = find_format(arguments.format);
  const Library library = find_library();
  if (arguments.options.name.empty() && arguments.output != "-")
    arguments.options.name = std::filesystem::path(arguments.output).stem();
  const NodeSketch sketch =
      format.read(read_text_file(arguments.file, kMaxImportBytes), arguments.file);
  const std::string text =
      topology_text(sketch, arguments.options, find_device(arguments.options.device, library));
  check_topology(text, arguments.output, library);
  write_output(arguments.output, text);
  return 0;
}

}  // namespace

void add_import(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  ImportOptions& options = arguments->options;
  app.add_option(
         "format", arguments->format,
         "nccl-topology (XML of NCCL_TOPO_DUMP_FILE) or nvidia-smi-topo (nvidia-smi topo -m)")
      ->required();
  app.add_option("file", arguments->file, "what the tool wrote, of one node")->required();
  app.add_option("-o,--output", arguments->output, "the topology file; - is standard output")
      ->required();
  app.add_option("--name", options.name, "of the topology (that of the output file)");
  app.add_option("--device", options.device, "a shipped device or a file");
  app.add_option("--device-profile", options.device_profile, "a shipped name or a file");
  app.add_option("--network-profile", options.network_profile, "a shipped name or a file");
  app.add_option("--nodes", options.num_nodes, "how many such nodes there are")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 20));
  app.add_option("--nics", options.nics, "only these NICs, separated by commas")->delimiter(',');
  app.add_option("--nic-bandwidth", options.nic_bandwidth, "of one NIC, such as \"400 Gb/s\"");
  app.add_option("--nvlink-bandwidth", options.nvlink_bandwidth,
                 "of one NVLink and direction (that of the device's generation)");
  app.add_option("--pcie-bandwidth", options.pcie_bandwidth, "of a GPU's slot and direction");
  app.add_option("--host-power", options.host_power, "of a node but for its GPUs, under load");
  run = [arguments] { return import_command(*arguments); };
}

}  // namespace stepcast::cli
