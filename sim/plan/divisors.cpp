#include "sim/plan/divisors.h"

#include <algorithm>

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::string joined(const std::vector<std::int64_t>& numbers) {
  std::string text;
  for (const std::int64_t number : numbers)
    text += (text.empty() ? "" : ", ") + std::to_string(number);
  return text;
}

}  // namespace

std::vector<std::int64_t> divisors(std::int64_t number) {
  STEPCAST_CHECK(number >= 1, "divisors of " + std::to_string(number));
  std::vector<std::int64_t> small, large;
  for (std::int64_t d = 1; d <= number / d; ++d) {
    if (number % d != 0) continue;
    small.push_back(d);
    if (d != number / d) large.push_back(number / d);
  }
  small.insert(small.end(), large.rbegin(), large.rend());
  return small;
}

std::string divisors_text(std::int64_t number, std::int64_t value, std::int64_t most) {
  std::vector<std::int64_t> all = divisors(number);
  std::erase_if(all, [most](std::int64_t divisor) { return divisor > most; });
  if (all.size() <= 12) return joined(all);
  std::vector<std::int64_t> nearest;
  const auto above = std::upper_bound(all.begin(), all.end(), value);
  if (above != all.begin()) nearest.push_back(*(above - 1));
  if (above != all.end()) nearest.push_back(*above);
  return "nearest: " + joined(nearest);
}

}  // namespace stepcast
