#include "sim/scenario/resolve.h"

#include <algorithm>
#include <filesystem>

#include "sim/base/nearest_name.h"
#include "sim/base/plain_text.h"

namespace stepcast {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorKind::kInput, message); }

/// `path` with links resolved, as far as it exists.
fs::path links_resolved(const fs::path& path) {
  std::error_code failed;
  fs::path real = fs::weakly_canonical(path, failed);
  if (failed) refuse("cannot be followed: " + failed.message());
  return real;
}

/// `path`, to be read from `folder`, when it stays below it.
std::string inside(const fs::path& folder, const std::string& path) {
  const fs::path base = links_resolved(folder.empty() ? fs::path(".") : folder);
  const fs::path full = links_resolved(base / path);
  const bool below =
      std::mismatch(base.begin(), base.end(), full.begin(), full.end()).first == base.end();
  if (fs::path(path).is_absolute() || !below)
    refuse(
        "leaves the folder of the file that names it; copy the file there, or use a shipped name");
  return (folder / path).lexically_normal().string();
}

bool is_file(const fs::path& path) {
  std::error_code failed;
  return fs::is_regular_file(path, failed);
}

/// A file that can't be read is a mistake of the reference, not of the system.
JsonDocument read_referenced(const std::string& file, const std::string& hint) {
  try {
    return read_json_file(file);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kIo) throw;
    refuse(error.problems().front().message + " (" + file + ")" + hint);
  }
}

/// What a name that is not shipped may have meant, and the way to say that.
std::string ways_out(const std::string& name, const std::string& folder,
                     const std::vector<std::string>& shipped) {
  const std::string own = name + ".json";
  if (is_file(fs::path(folder) / own))
    return ", but there is a file of that name: write \"" + own + "\"";
  const auto near = nearest_name(name, shipped);
  std::string text = near ? ", did you mean \"" + *near + "\"? Shipped:" : ". Shipped:";
  for (const std::string& known : shipped) text += " " + known;
  return text + "; or give a path such as \"./my-file.json\"";
}

/// Names are printed and handed to the system as they are: no line breaks, no zero bytes.
void require_printable(const std::string& name) {
  if (name.empty() || has_control_characters(name)) refuse("no name of a file");
}

}  // namespace

bool is_path(const std::string& name_or_path) {
  return name_or_path.find('/') != std::string::npos || name_or_path.ends_with(".json");
}

std::vector<std::string> shipped_names(const std::string& file) {
  std::vector<std::string> names;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(fs::path(file).parent_path(), failed))
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string shipped_hint(const std::string& path,
                         const std::function<std::string(const std::string&)>& shipped) {
  const std::string name = fs::path(path).stem().string();
  const bool bare = path == name + ".json" && !has_control_characters(name);
  return bare && is_file(shipped(name)) ? "; the shipped one is called \"" + name + "\"" : "";
}

JsonDocument resolve(const std::string& name_or_path, const std::string& folder,
                     const std::function<std::string(const std::string&)>& shipped) {
  require_printable(name_or_path);
  if (is_path(name_or_path))
    return read_referenced(inside(folder, name_or_path), shipped_hint(name_or_path, shipped));
  const std::string file = shipped(name_or_path);
  if (is_file(file)) return read_json_file(file);
  refuse("not shipped" + ways_out(name_or_path, folder, shipped_names(file)));
}

}  // namespace stepcast
