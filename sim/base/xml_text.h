// Text inside XML that we write.
#pragma once

#include <string>
#include <string_view>

namespace stepcast {

/// For element text and for values in double quotes: & < > " are escaped, control characters (which
/// XML 1.0 has no way to write) become '?'.
inline std::string xml_escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
    }
  return escaped;
}

}  // namespace stepcast
