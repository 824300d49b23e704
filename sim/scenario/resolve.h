// A reference inside a file -> a parsed document. A bare name is a shipped file; anything with a
// slash or ending in .json is a path below the folder of the file that names it.
#pragma once

#include <functional>
#include <string>

#include "sim/scenario/scenario.h"

namespace stepcast {

/// `shipped` maps a name to a file of the library. `folder` is where paths start ("" = the current
/// one). Throws Error(kInput) when a path is absolute or leaves the folder (also through a symbolic
/// link), and, for a name that does not exist, lists the shipped names and suggests the nearest.
JsonDocument resolve(const std::string& name_or_path, const std::string& folder,
                     const std::function<std::string(const std::string&)>& shipped);

/// True when the text is to be read as a path.
bool is_path(const std::string& name_or_path);

/// Names of the shipped files beside `file` (a file of the library), sorted.
std::vector<std::string> shipped_names(const std::string& file);

}  // namespace stepcast
