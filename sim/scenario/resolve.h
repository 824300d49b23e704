// A reference inside a file -> a parsed document. A bare name is a shipped file; anything with a
// slash or ending in .json is a path below the folder of the file that names it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sim/base/json_document.h"

namespace stepcast {

/// `shipped` maps a name to a file of the library. `folder` is where paths start ("" = the current
/// one). Throws Error(kInput): without a file when the reference itself is wrong, so that the
/// caller can say where it stands (a path that is absolute, leaves the folder, also through a
/// symbolic link, or can't be read; a name that is not shipped, with the nearest one and all of
/// them); with file and line when the document is malformed.
JsonDocument resolve(const std::string& name_or_path, const std::string& folder,
                     const std::function<std::string(const std::string&)>& shipped);

/// For a path that can't be read: `; the shipped one is called "NAME"` where a shipped file goes by
/// the name of `path`, as in "llama3-70b.json". Empty otherwise.
std::string shipped_hint(const std::string& path,
                         const std::function<std::string(const std::string&)>& shipped);

/// True when the text is to be read as a path.
bool is_path(const std::string& name_or_path);

/// Names of the shipped files beside `file` (a file of the library), sorted.
std::vector<std::string> shipped_names(const std::string& file);

}  // namespace stepcast
