#include "sim/scenario/references.h"

#include <algorithm>
#include <filesystem>
#include <utility>
#include <vector>

#include "sim/base/plain_text.h"
#include "sim/scenario/resolve.h"

namespace stepcast {

namespace {

struct ShippedKind {
  const char* name;  // with its article, and as `stepcast list` calls it
  const char* category;
  ShippedFile file;
};

constexpr ShippedKind kShippedKinds[] = {
    {"a scenario", "scenarios", &Library::scenario_file},
    {"a shared cluster", "shared_clusters", &Library::shared_cluster_file},
    {"a model", "models", &Library::model_file},
    {"a topology", "topologies", &Library::topology_file},
    {"a device", "devices", &Library::device_file},
    {"a device profile", "device_profiles", &Library::device_profile_file},
    {"a network profile", "network_profiles", &Library::network_profile_file},
    {"a stack", "stacks", &Library::stack_file},
};

bool is_shipped(const Library& library, ShippedFile kind, const std::string& name) {
  std::error_code failed;
  return std::filesystem::is_regular_file((library.*kind)(name), failed);
}

/// Throws when `name` is shipped, but as something else than `wanted`.
void require_kind(const std::string& name, const Library& library, ShippedFile wanted) {
  if (is_path(name) || has_control_characters(name) || is_shipped(library, wanted, name)) return;
  const auto meant =
      std::ranges::find(kShippedKinds, wanted, [](const ShippedKind& k) { return k.file; });
  for (const ShippedKind& kind : kShippedKinds)
    if (is_shipped(library, kind.file, name))
      throw Error(ErrorKind::kInput, std::string("is ") + kind.name + ", not " + meant->name +
                                         "; `stepcast list " + meant->category + "` shows those");
}

JsonDocument find(const std::string& name_or_path, const std::string& folder,
                  const Library& library, ShippedFile shipped) {
  require_kind(name_or_path, library, shipped);
  return resolve(name_or_path, folder, [&](const std::string& n) { return (library.*shipped)(n); });
}

/// A path that a person names; of one that can't be read, whether a shipped file is called so.
JsonDocument open_path(const std::string& path, const Library& library, ShippedFile shipped) {
  try {
    return read_json_file(path);
  } catch (const Error& error) {
    std::vector<Problem> problems = error.problems();
    if (error.kind() == ErrorKind::kIo)
      problems.front().message +=
          shipped_hint(path, [&](const std::string& n) { return (library.*shipped)(n); });
    throw Error(error.kind(), std::move(problems));
  }
}

}  // namespace

std::string file_of(const JsonValue& value) { return value.problem("").file; }

std::string folder_of(const JsonValue& value) {
  return std::filesystem::path(file_of(value)).parent_path().string();
}

JsonDocument open_named(const std::string& name_or_path, const Library& library,
                        ShippedFile shipped) {
  if (is_path(name_or_path)) return open_path(name_or_path, library, shipped);
  try {
    return find(name_or_path, "", library, shipped);
  } catch (const Error& error) {
    if (!error.problems().front().file.empty()) throw;
    throw Error(error.kind(), "\"" + name_or_path + "\": " + error.problems().front().message);
  }
}

JsonDocument open_own_or_named(const std::string& name_or_path, const Library& library,
                               ShippedFile shipped) {
  return std::filesystem::is_regular_file(name_or_path)
             ? read_json_file(name_or_path)
             : open_named(name_or_path, library, shipped);
}

std::optional<JsonValue> References::follow(const JsonValue& value, ShippedFile shipped) {
  if (value.is_object()) return value;
  const std::optional<std::string> name = value.as_string();
  if (!name) {
    problems_.add(value.problem("= " + value.excerpt() + " must be " + std::string(kReference)));
    return std::nullopt;
  }
  try {
    return find(*name, folder_of(value), library_, shipped).root();
  } catch (const Error& error) {
    for (const Problem& problem : error.problems())
      problems_.add(problem.file.empty()
                        ? value.problem("= " + value.excerpt() + ": " + problem.message)
                        : problem);
    return std::nullopt;
  }
}

Topology References::topology(const JsonValue& value) {
  return read_topology(value, problems_, [&](const std::string& name) {
    return find(name, folder_of(value), library_, &Library::device_file);
  });
}

}  // namespace stepcast
