// The sizes of a sweep, as nccl-tests has them on its command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace stepcast::cli {

/// From `min` to `max` bytes, each `factor` (2 or more) times the one before. Sizes are digits,
/// then perhaps K, M, G or T for powers of 1,024. Throws Error(kUsage) naming --min or --max.
std::vector<std::int64_t> swept_sizes(const std::string& min, const std::string& max,
                                      std::int64_t factor);

}  // namespace stepcast::cli
