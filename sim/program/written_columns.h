// Which columns of a buffer have been written since it was allocated: a packed tensor (queries,
// keys, values) is written in parts, and nobody may read a part, or add to it, that has not been.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/compute/layout.h"

namespace stepcast {

/// Exact where all parts are taken from rows of one width; a part of rows of another width counts
/// as the whole buffer. Columns{} is the whole buffer.
class WrittenColumns {
 public:
  void add(const Layout::Columns& part) {
    any_ = true;
    if (all_ || part.whole() || (pitch_ != 0 && pitch_ != part.pitch)) {
      all_ = true;
      return;
    }
    pitch_ = part.pitch;
    parts_.push_back({part.first, part.last});
    std::sort(parts_.begin(), parts_.end());
    all_ = reach(0) == pitch_;
  }

  bool covers(const Layout::Columns& part) const {
    if (all_) return true;
    if (!any_ || part.whole() || part.pitch != pitch_) return false;
    return reach(part.first) >= part.last;
  }

 private:
  struct Part {
    std::int64_t first, last;
    auto operator<=>(const Part&) const = default;
  };
  /// How far the parts go without a gap, from `first` on.
  std::int64_t reach(std::int64_t first) const {
    for (const Part& part : parts_)
      if (part.first <= first) first = std::max(first, part.last);
    return first;
  }

  bool any_ = false, all_ = false;
  std::int64_t pitch_ = 0;
  std::vector<Part> parts_;  ///< sorted
};

}  // namespace stepcast
