// Where shipped files are, and what a name or a path in a scenario stands for.
#include <cstdlib>
#include <filesystem>

#include "sim/scenario/scenario.h"

namespace stepcast {
namespace fs = std::filesystem;
namespace {

bool holds_library(const fs::path& folder) {
  std::error_code none;
  return fs::is_directory(folder / "models", none) && fs::is_directory(folder / "topologies", none);
}

}  // namespace

std::string Library::model_file(const std::string& name) const {
  return root + "/models/" + name + ".json";
}
std::string Library::topology_file(const std::string& name) const {
  return root + "/topologies/" + name + ".json";
}
std::string Library::device_file(const std::string& name) const {
  return root + "/topologies/devices/" + name + ".json";
}
std::string Library::device_profile_file(const std::string& name) const {
  return root + "/topologies/calibrations/" + name + ".json";
}
std::string Library::network_profile_file(const std::string& name) const {
  return root + "/topologies/networks/" + name + ".json";
}
std::string Library::stack_file(const std::string& name) const {
  return root + "/scenarios/stacks/" + name + ".json";
}
std::string Library::scenario_file(const std::string& name) const {
  return root + "/scenarios/" + name + ".json";
}
std::string Library::shared_cluster_file(const std::string& name) const {
  return root + "/scenarios/shared/" + name + ".json";
}

Library find_library() {
  std::string tried;
  const auto look = [&](const fs::path& folder) {
    tried += (tried.empty() ? "" : ", ") + folder.string();
    return holds_library(folder);
  };
  if (const char* home = std::getenv("STEPCAST_HOME"); home != nullptr && *home != '\0') {
    if (look(home)) return {home};
    throw Error(ErrorKind::kIo,
                "STEPCAST_HOME = " + std::string(home) +
                    " has no models/ and topologies/; point it to the shipped folders");
  }
  std::error_code failed;
  for (fs::path at = fs::read_symlink("/proc/self/exe", failed).parent_path();
       !failed && at.has_parent_path(); at = at.parent_path()) {
    if (look(at)) return {at.string()};
    if (at == at.root_path()) break;
  }
  if (look(STEPCAST_SOURCE_DIR)) return {STEPCAST_SOURCE_DIR};
  throw Error(ErrorKind::kIo, "models/ and topologies/ were not found (tried " + tried +
                                  "); set STEPCAST_HOME to the folder that holds them");
}

}  // namespace stepcast
