// What a file names instead of saying it: a model, a topology, a stack, a profile. References looks
// such names up, so that readers see values only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "sim/scenario/scenario.h"

namespace stepcast {

/// The file that a value stands in.
std::string file_of(const JsonValue& value);
/// Its folder: where the paths that the value holds start.
std::string folder_of(const JsonValue& value);

/// What a reference may be, for messages about others.
inline constexpr std::string_view kReference = "a name, a path, or an object";

/// Where the library keeps the files of one kind, such as &Library::model_file.
using ShippedFile = std::string (Library::*)(const std::string& name) const;

/// A file that a person names on a command line: a path anywhere; a bare name is a shipped one.
/// Throws Error(kInput), kIo when a path can't be read.
JsonDocument open_named(const std::string& name_or_path, const Library& library,
                        ShippedFile shipped);
/// The same, where a file of one's own counts before a shipped one, whatever its name ends in.
JsonDocument open_own_or_named(const std::string& name_or_path, const Library& library,
                               ShippedFile shipped);

/// Mistakes of all files go to one list. Keeps references to its arguments.
class References {
 public:
  References(const Library& library, Problems& problems) : library_(library), problems_(problems) {}

  /// An object stands for itself; text is a shipped name or a path beside the file that holds it,
  /// and stands for that file's root. Nothing after a mistake, which is reported.
  std::optional<JsonValue> follow(const JsonValue& value, ShippedFile shipped);

  /// A topology with the device that it names.
  Topology topology(const JsonValue& value);

 private:
  const Library& library_;
  Problems& problems_;
};

}  // namespace stepcast
