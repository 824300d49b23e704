// printf into a string, for tables that people read. The program never sets a locale, so the
// decimal point is a point.
#pragma once

#include <string>

namespace stepcast {

/// printed("%5.1f %%", 12.5) is " 12.5 %". Of any length.
[[gnu::format(printf, 1, 2)]] std::string printed(const char* pattern, ...);

}  // namespace stepcast
