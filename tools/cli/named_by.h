// Errors about a name that an option was given begin with the option.
#pragma once

#include <string>
#include <string_view>

#include "sim/base/error.h"

namespace stepcast::cli {

/// What `load` returns. An Error of it about the thing as a whole (no such file, not a shipped
/// name) says which option named it: `--to "L40": not shipped, ...`. Mistakes inside a file that
/// was found stay as they are, since they name the file and the line.
template <typename Load>
auto named_by(std::string_view option, Load load) {
  try {
    return load();
  } catch (const Error& error) {
    if (error.problems().size() != 1 || error.problems().front().line > 0) throw;
    throw Error(error.kind(), std::string(option) + " " + error.problems().front().text());
  }
}

}  // namespace stepcast::cli
