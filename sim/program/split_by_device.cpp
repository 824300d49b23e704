#include "sim/program/split_by_device.h"

#include <map>
#include <utility>

#include "sim/base/error.h"

namespace stepcast {

Job split_by_device(Job job, std::span<const std::uint32_t> device_of_rank,
                    std::span<const std::string> names) {
  STEPCAST_CHECK(device_of_rank.size() == job.ranks.size(), "a device per rank");
  // Ordered by program, then device: stages stay in their order.
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> place;
  for (std::size_t rank = 0; rank < job.ranks.size(); ++rank)
    place[{job.ranks[rank].program, device_of_rank[rank]}] = 0;
  std::vector<Program> programs;
  for (auto& [key, index] : place) {
    const auto [program, device] = key;
    index = static_cast<std::uint32_t>(programs.size());
    programs.push_back(job.programs[program]);
    programs.back().device = device;
    programs.back().name += " on " + names[device];
  }
  for (std::size_t rank = 0; rank < job.ranks.size(); ++rank)
    job.ranks[rank].program = place.at({job.ranks[rank].program, device_of_rank[rank]});
  job.programs = std::move(programs);
  return job;
}

}  // namespace stepcast
