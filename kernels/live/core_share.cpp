#include "kernels/live/core_share.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>
#include <vector>

namespace stepcast {
namespace {

/// Where a rank may run.
struct Place {
  std::array<char, 64> host{};
  cpu_set_t cores{};

  bool operator==(const Place& other) const {
    return host == other.host && CPU_EQUAL(&cores, &other.cores) != 0;
  }
};

Place place_of_this_rank() {
  Place place;
  ::gethostname(place.host.data(), place.host.size() - 1);
  if (::sched_getaffinity(0, sizeof place.cores, &place.cores) != 0) CPU_SET(0, &place.cores);
  return place;
}

std::int32_t largest(const std::vector<std::int32_t>& shares) {
  return *std::max_element(shares.begin(), shares.end());
}

/// The rank that has `place` after `n` others.
std::int32_t nth_on(const std::vector<Place>& all, const Place& place, std::int32_t n) {
  std::int32_t rank = 0;
  while (!(all[static_cast<std::size_t>(rank)] == place) || n-- > 0) ++rank;
  return rank;
}

}  // namespace

CoreShare find_core_share(Communicator& world) {
  const Place mine = place_of_this_rank();
  std::vector<Place> all(static_cast<std::size_t>(world.size()));
  world.run(CollectiveKind::kAllGather, std::as_bytes(std::span(&mine, 1)),
            std::as_writable_bytes(std::span(all)), Element::kByte);
  CoreShare own;
  std::vector<std::int32_t> shares;
  for (std::size_t rank = 0; rank < all.size(); ++rank) {
    const auto cores = static_cast<std::int32_t>(CPU_COUNT(&all[rank].cores));
    const auto before = static_cast<std::int32_t>(
        std::count(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(rank), all[rank]));
    const auto together = static_cast<std::int32_t>(std::count(all.begin(), all.end(), all[rank]));
    shares.push_back((together - before % cores + cores - 1) / cores);
    if (static_cast<int>(rank) == world.index())
      own = {.ranks = shares.back(),
             .turn = before / cores,
             .first = nth_on(all, all[rank], before % cores)};
  }
  own.turns = largest(shares);
  return own;
}

}  // namespace stepcast
