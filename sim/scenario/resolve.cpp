#include "sim/scenario/resolve.h"

#include <algorithm>
#include <filesystem>

namespace stepcast {
namespace fs = std::filesystem;
namespace {

/// `path` made absolute with links resolved, below `root` or an Error.
fs::path inside(const fs::path& root, const std::string& path) {
  std::error_code failed;
  const fs::path base = fs::weakly_canonical(root.empty() ? fs::path(".") : root, failed);
  const fs::path full = fs::weakly_canonical(base / path, failed);
  const auto mismatch = std::mismatch(base.begin(), base.end(), full.begin(), full.end());
  if (fs::path(path).is_absolute() || mismatch.first != base.end())
    throw Error(ErrorKind::kInput,
                "\"" + path + "\" leaves the folder of the file that names it (" + base.string() +
                    "); copy the file there, or use a shipped name");
  return full;
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

JsonDocument resolve(const std::string& name_or_path, const std::string& folder,
                     const std::function<std::string(const std::string&)>& shipped) {
  if (is_path(name_or_path)) return read_json_file(inside(folder, name_or_path).string());
  const std::string file = shipped(name_or_path);
  std::error_code failed;
  if (fs::is_regular_file(file, failed)) return read_json_file(file);
  const std::vector<std::string> names = shipped_names(file);
  std::string message = "\"" + name_or_path + "\" is not shipped";
  if (const auto near = nearest_name(name_or_path, names))
    message += ", did you mean \"" + *near + "\"?";
  message += "; shipped:";
  for (const std::string& name : names) message += " " + name;
  throw Error(ErrorKind::kInput,
              message + "; or give a path such as \"./" + name_or_path + ".json\"");
}

}  // namespace stepcast
