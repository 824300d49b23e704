// Numbers the instances of a program's buffers or events densely, for walks that keep a state for
// each.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

/// Microbatches that calls really name, as a count: 1 + the largest index (0 without calls).
inline std::uint32_t called_microbatches(const Program& program) {
  std::uint32_t count = 0;
  for (const Call& call : program.calls) count = std::max(count, call.microbatch + 1);
  return count;
}

/// (id, microbatch) -> 0 .. size() - 1. Instances of one microbatch lie together, since one call
/// touches many of them.
class InstanceIndex {
 public:
  /// `things` are the program's buffers or events: whatever has a Scope.
  template <typename Thing>
  InstanceIndex(const std::vector<Thing>& things, std::uint32_t num_microbatches) {
    std::size_t step = 0, microbatch = 0;
    for (const Thing& thing : things) {
      const bool once = thing.scope == Scope::kStep;
      places_.push_back({.first = once ? step++ : microbatch++, .stride = once ? 0u : 1u});
    }
    for (Place& place : places_) {
      if (place.stride == 0) continue;
      place.first += step;
      place.stride = microbatch;
    }
    size_ = step + microbatch * num_microbatches;
  }

  std::size_t operator()(std::uint32_t id, std::uint32_t microbatch) const {
    return places_[id].first + places_[id].stride * microbatch;
  }
  std::size_t size() const { return size_; }

 private:
  struct Place {
    std::size_t first;
    std::size_t stride;  ///< 0: one instance for the whole step
  };
  std::vector<Place> places_;
  std::size_t size_ = 0;
};

}  // namespace stepcast
