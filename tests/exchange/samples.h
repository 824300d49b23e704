// Files as NVIDIA's tools write them, cut down to what matters, and what a user adds to them.
#pragma once

#include <string>

#include "sim/base/file_io.h"
#include "sim/exchange/node_sketch.h"

namespace stepcast {

inline std::string sample(const std::string& name) {
  return read_text_file(std::string(STEPCAST_SOURCE_DIR "/tests/exchange/samples/") + name,
                        kMaxImportBytes);
}

/// `text` with the first `what` replaced, which must be there.
inline std::string with(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  STEPCAST_CHECK(at != std::string::npos, "the sample has no " + what);
  return text.replace(at, what.size(), by);
}

inline std::string shipped_device(const std::string& name) {
  return std::string(STEPCAST_SOURCE_DIR "/topologies/devices/") + name + ".json";
}

inline ImportOptions complete_options(const std::string& device) {
  ImportOptions options;
  options.name = "imported";
  options.device = device;
  options.device_profile = "a100-80g";
  options.network_profile = "nccl-ib";
  options.num_nodes = 2;
  options.host_power = "1000 W";
  return options;
}

inline Device read_shipped_device(const std::string& name) {
  Problems problems;
  Device device = read_device(read_json_file(shipped_device(name)).root(), problems);
  problems.raise_if_any();
  return device;
}

/// The topology that a sketch and options make, read back as any other.
inline Topology described(const NodeSketch& sketch, const ImportOptions& options) {
  const std::string text = topology_text(sketch, options, read_shipped_device(options.device));
  Problems problems;
  Topology topology =
      read_topology(parse_json(text, "imported.json").root(), problems,
                    [](const std::string& name) { return read_json_file(shipped_device(name)); });
  problems.raise_if_any();
  return topology;
}

/// The message of the Error that `act` throws; its kind is checked.
template <typename Act>
std::string message_of(ErrorKind kind, Act act) {
  try {
    act();
  } catch (const Error& error) {
    return error.kind() == kind ? error.what() : std::string("of another kind: ") + error.what();
  }
  return "nothing was thrown";
}

}  // namespace stepcast
