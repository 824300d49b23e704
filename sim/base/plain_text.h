// Names that users give are printed in tables and messages of one line each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

namespace stepcast {

/// Line breaks, escape sequences and the like: what would move a terminal's cursor.
inline bool has_control_characters(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

/// "1 node", "2 nodes": `what` is a noun in the singular that takes an s, or an es after a hiss.
inline std::string counted(std::int64_t count, std::string_view what) {
  std::string text = std::to_string(count) + " " + std::string(what);
  if (count == 1) return text;
  return text + (what.ends_with("ch") || what.ends_with("s") ? "es" : "s");
}

}  // namespace stepcast
