#include "tools/cli/sizes.h"

#include <charconv>
#include <string_view>

#include "sim/base/error.h"

namespace stepcast::cli {
namespace {

constexpr std::int64_t kLargestSize = std::int64_t{1} << 50;

std::int64_t parse_size(const std::string& option, const std::string& text) {
  std::int64_t size = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, size);
  constexpr std::string_view kSuffixes = "kmgt";
  const std::size_t suffix =
      end - stop == 1 ? kSuffixes.find(static_cast<char>(*stop | 0x20)) : std::string_view::npos;
  const bool has_suffix = suffix != std::string_view::npos;
  const int shift = has_suffix ? 10 * (static_cast<int>(suffix) + 1) : 0;
  if (error != std::errc() || (stop != end && !has_suffix) || size < 1 ||
      size > (kLargestSize >> shift))
    throw Error(ErrorKind::kUsage, option + " " + text +
                                       ": expected a size of 1 byte to 1024T, such as 8, 64K or "
                                       "1G (K, M, G, T are powers of 1,024)");
  return size << shift;
}

}  // namespace

std::vector<std::int64_t> swept_sizes(const std::string& min, const std::string& max,
                                      std::int64_t factor) {
  const std::int64_t first = parse_size("--min", min);
  const std::int64_t last = parse_size("--max", max);
  if (first > last) throw Error(ErrorKind::kUsage, "--min " + min + " is more than --max " + max);
  std::vector<std::int64_t> sizes;
  for (std::int64_t size = first; size <= last; size *= factor) sizes.push_back(size);
  return sizes;
}

}  // namespace stepcast::cli
