#include "sim/scenario/references.h"

#include <filesystem>

#include "sim/scenario/resolve.h"

namespace stepcast {

std::string file_of(const JsonValue& value) { return value.problem("").file; }

std::string folder_of(const JsonValue& value) {
  return std::filesystem::path(file_of(value)).parent_path().string();
}

JsonDocument open_named(const std::string& name_or_path, const Library& library,
                        ShippedFile shipped) {
  if (is_path(name_or_path)) return read_json_file(name_or_path);
  try {
    return resolve(name_or_path, "", [&](const std::string& n) { return (library.*shipped)(n); });
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
    problems_.add(value.problem("= " + value.excerpt() + " must be a name, a path, or an object"));
    return std::nullopt;
  }
  try {
    return resolve(*name, folder_of(value),
                   [&](const std::string& n) { return (library_.*shipped)(n); })
        .root();
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
    return resolve(name, folder_of(value),
                   [&](const std::string& n) { return library_.device_file(n); });
  });
}

}  // namespace stepcast
