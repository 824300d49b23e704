#include "tools/cli/live_device.h"

#include <numeric>
#include <optional>
#include <vector>

#include "kernels/gpu_profiler/gpu_matching.h"
#include "kernels/live/cpu_device.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/gpu_module.h"
#include "kernels/live/process_facts.h"
#include "kernels/live/rank_main.h"
#include "kernels/live/step_plan.h"
#include "sim/base/error.h"
#include "sim/base/quantity_text.h"
#include "tools/cli/profile_targets.h"

namespace stepcast::cli {
namespace {

bool has_gpus(const Scenario& scenario) { return scenario.topology.device.generation != "cpu"; }

std::string count_of(std::size_t ranks) {
  return std::to_string(ranks) + (ranks == 1 ? " rank" : " ranks");
}

/// "GPU 0 (NVIDIA H200) of node-7".
std::string text_of(const GpusInSight& sight, int number) {
  return "GPU " + std::to_string(number) + " (" +
         sight.gpus[static_cast<std::size_t>(number)].name + ")" +
         (sight.host.empty() ? "" : " of " + sight.host);
}

/// The ranks of one GPU, side by side, in what is free on it.
void check_room(const std::string& gpu, const std::vector<int>& ranks, const GpuRoom& room,
                Bytes further_context, const Job& job) {
  Bytes needed{0}, most{0};
  std::string largest;
  for (const int rank : ranks) {
    const Program& program = job.programs[job.ranks[static_cast<std::size_t>(rank)].program];
    const Bytes own = plan_step(program).arena_size;
    needed += own + (rank == ranks.front() ? Bytes{0} : further_context);
    if (own <= most) continue;
    most = own;
    largest = "rank " + std::to_string(rank) + ", " + program.name + ", has a peak of " +
              to_text(walk_memory(program).total) + " and needs a block of " + to_text(own);
  }
  if (needed <= room.free) return;
  const bool more = ranks.size() > 1 && further_context > Bytes{0};
  throw Error(
      ErrorKind::kInfeasible,
      gpu + " has " + to_text(room.free) + " of its " + to_text(room.total) + " free, and " +
          count_of(ranks.size()) + (ranks.size() == 1 ? " needs " : " on it need ") +
          to_text(needed) + ": " + largest +
          (more ? "; a further process takes " + to_text(further_context) : "") +
          "; recompute, use a smaller model or micro_batch_size, or end what else is on it");
}

void check_memory(const GpuRooms& rooms, const std::vector<GpusInSight>& sights,
                  const GpuPlacement& placement, const Job& job) {
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    const std::vector<int> together = placement.together(rank);
    if (together.front() != rank) continue;
    const auto index = static_cast<std::size_t>(rank);
    check_room(text_of(sights[index], placement.number(rank)), together, rooms.by_rank[index],
               rooms.further_context, job);
  }
}

/// mpirun puts ranks where a file of hosts or a scheduler says, out of the user's sight: so GPUs
/// are to be those that the scenario means, and no more ranks on them than it says.
void check_placement(const std::vector<GpusInSight>& sights, const GpuPlacement& placement,
                     const Scenario& scenario) {
  check_alike(sights, placement);
  const Device& device = scenario.topology.device;
  const auto most = static_cast<std::size_t>(scenario.topology.ranks_per_gpu);
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    const GpusInSight& sight = sights[static_cast<std::size_t>(rank)];
    const std::string gpu = text_of(sight, placement.number(rank));
    if (!has_chip_of(sight.gpus[static_cast<std::size_t>(placement.number(rank))].name, device))
      throw Error(ErrorKind::kUnsupported,
                  scenario.file + ": the topology is of " + device.name + ", and rank " +
                      std::to_string(rank) + " would compute on " + gpu +
                      "; name a topology of such GPUs, or take other nodes");
    if (const std::size_t there = placement.together(rank).size(); there > most)
      throw Error(ErrorKind::kInfeasible,
                  count_of(there) + " would share " + gpu + ", and a " + device.name +
                      " of the topology is for " + count_of(most) +
                      ": start fewer ranks on each node (mpirun --map-by ppr:N:node), or take a "
                      "topology that says ranks_per_gpu, as h200-shared-2");
  }
}

/// Each GPU that ranks compute on, once.
std::vector<GpuFacts> gpus_in_use(const GpuRooms& rooms, const std::vector<GpusInSight>& sights,
                                  const GpuPlacement& placement) {
  std::vector<GpuFacts> gpus;
  for (int rank = 0; rank < placement.ranks(); ++rank) {
    if (placement.together(rank).front() != rank) continue;
    const auto index = static_cast<std::size_t>(rank);
    const GpuName& gpu = sights[index].gpus[static_cast<std::size_t>(placement.number(rank))];
    gpus.push_back({.name = gpu.name,
                    .bus_id = gpu.bus_id,
                    .num_sms = gpu.num_sms,
                    .memory_bytes = rooms.by_rank[index].total.value()});
  }
  return gpus;
}

/// All ranks of this machine in what it has left; what the system does not tell is not checked.
void check_host_room(const Job& job) {
  const std::optional<HostMemory> memory = host_memory();
  if (!memory) return;
  std::vector<int> ranks(job.ranks.size());
  std::iota(ranks.begin(), ranks.end(), 0);
  check_room("this machine", ranks, {.free = memory->left, .total = memory->total}, Bytes{0}, job);
}

ChosenDevice on_cores(LiveRanks& ranks, const DeviceChoice& choice, const Scenario& scenario,
                      const Job& job) {
  if (choice.through_host)
    throw Error(ErrorKind::kUsage,
                "--through-host is of GPUs, and these ranks compute on cores; leave it out");
  const std::size_t cores = ranks.on_this_machine() ? usable_cores().size() : 0;
  if (ranks.on_this_machine()) check_host_room(job);
  return {.platform = std::make_unique<CpuPlatform>(choice.reference ? reference_launchers()
                                                                     : cpu_launchers()),
          .name = choice.reference ? "cores, plain loops" : "cores",
          .peak = peak_of_cores(scenario, job.ranks.size(), cores)};
}

ChosenDevice on_gpus(LiveRanks& ranks, const DeviceChoice& choice, const Scenario& scenario,
                     const Job& job, const Library& library) {
  const std::vector<GpusInSight> sights = ranks.see_gpus(job);
  const GpuPlacement placement(sights);
  if (!ranks.on_this_machine()) check_placement(sights, placement, scenario);
  const GpuRooms rooms = ranks.gpu_rooms(placement);
  check_memory(rooms, sights, placement, job);
  return {.platform = load_gpu_module().platform(placement, choice.through_host),
          .name = std::to_string(placement.gpus()) + " x " + sights.front().gpus.front().name,
          .peak = peak_of_gpus(gpus_in_use(rooms, sights, placement), shipped_devices(library),
                               scenario.training.precision)};
}

}  // namespace

ChosenDevice choose_device(const DeviceChoice& choice, LiveRanks& ranks, const Scenario& scenario,
                           const Job& job, const Library& library) {
  const bool gpus = choice.device == "cuda" ||
                    (choice.device == "auto" && !choice.reference && has_gpus(scenario));
  if (!gpus) return on_cores(ranks, choice, scenario, job);
  if (choice.reference)
    throw Error(ErrorKind::kUsage, "--reference is plain loops on cores; leave --device cuda out");
  try {
    return on_gpus(ranks, choice, scenario, job, library);
  } catch (const Error& error) {
    if (choice.device == "cuda" || error.kind() != ErrorKind::kUnsupported) throw;
    throw Error(error.kind(), scenario.file + ": the topology is of " +
                                  scenario.topology.device.name + ", and " + error.what() +
                                  " (--device cpu trains it on cores)");
  }
}

}  // namespace stepcast::cli
