// Names that users give are printed in tables and messages of one line each.
#pragma once

#include <algorithm>
#include <string_view>

namespace stepcast {

/// Line breaks, escape sequences and the like: what would move a terminal's cursor.
inline bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace stepcast
