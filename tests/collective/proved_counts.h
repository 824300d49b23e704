// The numbers of ranks for which every algorithm is proved.
#pragma once

#include <cstdint>
#include <vector>

namespace stepcast {

inline std::vector<std::uint32_t> proved_counts() {
  std::vector<std::uint32_t> counts;
  for (std::uint32_t ranks = 2; ranks <= 33; ++ranks) counts.push_back(ranks);
  counts.insert(counts.end(), {64, 127, 128});
  return counts;
}

}  // namespace stepcast
