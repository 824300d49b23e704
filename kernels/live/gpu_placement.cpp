#include "kernels/live/gpu_placement.h"

#include <algorithm>
#include <map>

#include "kernels/live/communicator.h"
#include "sim/base/error.h"

namespace stepcast {

GpuPlacement::GpuPlacement(std::span<const GpusInSight> by_rank) {
  struct Taken {
    int gpu = 0, ranks = 0;
  };
  std::map<std::pair<int, std::string>, Taken> taken;  // by node and bus id
  for (const GpusInSight& rank : by_rank) {
    STEPCAST_CHECK(!rank.gpus.empty(), "a rank that sees no GPU");
    const auto ranks_on = [&](const GpuName& gpu) {
      const auto found = taken.find({rank.node, gpu.bus_id});
      return found == taken.end() ? 0 : found->second.ranks;
    };
    const auto least = std::ranges::min_element(rank.gpus, {}, ranks_on);
    const auto [place, is_new] = taken.try_emplace({rank.node, least->bus_id});
    if (is_new) place->second.gpu = gpus_++;
    ++place->second.ranks;
    number_.push_back(static_cast<int>(least - rank.gpus.begin()));
    gpu_.push_back(place->second.gpu);
  }
}

GpuPlacement::GpuPlacement(int ranks, int gpus) : gpus_(std::min(ranks, gpus)) {
  for (int rank = 0; rank < ranks; ++rank) number_.push_back(rank % gpus);
  gpu_ = number_;
}

std::vector<int> GpuPlacement::together(int rank) const {
  std::vector<int> found;
  for (int other = 0; other < ranks(); ++other)
    if (gpu_[static_cast<std::size_t>(other)] == gpu_[static_cast<std::size_t>(rank)])
      found.push_back(other);
  return found;
}

CoreShare GpuPlacement::share(int rank) const {
  const std::vector<int> mine = together(rank);
  CoreShare share{.ranks = static_cast<std::int32_t>(mine.size()),
                  .turn = static_cast<std::int32_t>(std::ranges::find(mine, rank) - mine.begin()),
                  .first = mine.front()};
  for (int other = 0; other < ranks(); ++other)
    share.turns = std::max(share.turns, static_cast<std::int32_t>(together(other).size()));
  return share;
}

void check_alike(std::span<const GpusInSight> by_rank, const GpuPlacement& placement) {
  std::vector<SaidByRank> names, versions;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    const GpusInSight& sight = by_rank[rank];
    const auto number = static_cast<std::size_t>(placement.number(static_cast<int>(rank)));
    names.push_back({.host = sight.host, .text = sight.gpus[number].name});
    versions.push_back({.host = sight.host, .text = sight.versions});
  }
  if (const std::string differ = differences(names); !differ.empty())
    throw Error(ErrorKind::kUnsupported, "live ranks compute on GPUs of one kind: " + differ +
                                             "; take nodes of one kind into the hostfile");
  require_agreement("versions of driver, CUDA and NCCL", versions);
}

}  // namespace stepcast
