#include "sim/scenario/references.h"

#include <filesystem>

#include "sim/scenario/resolve.h"

namespace stepcast {

std::string file_of(const JsonValue& value) { return value.problem("").file; }

std::string folder_of(const JsonValue& value) {
  return std::filesystem::path(file_of(value)).parent_path().string();
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
