// Short names of long texts, by which ranks tell whether they have the same.
#pragma once

#include <cstdint>
#include <string_view>

namespace stepcast {

/// FNV-1a, 64 bits [Fowler, Noll, Vo; RFC 9923]. Of texts in a row: the first one's is the second
/// one's `begin`.
constexpr std::uint64_t fingerprint(std::string_view text,
                                    std::uint64_t begin = 0xcbf29ce484222325u) {
  for (const char c : text) begin = (begin ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return begin;
}

}  // namespace stepcast
