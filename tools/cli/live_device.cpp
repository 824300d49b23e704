#include "tools/cli/live_device.h"

#include <vector>

#include "kernels/live/cpu_device.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/gpu_module.h"
#include "kernels/live/step_plan.h"
#include "sim/base/error.h"
#include "sim/base/quantity_text.h"

namespace stepcast::cli {
namespace {

/// What the driver takes for each further process on a GPU: some 500 MiB on an H100, rounded up
/// (assumed; a GPU's own figure is the used memory that nvidia-smi shows for an idle process).
constexpr Bytes kContext{std::int64_t{640} << 20};

bool has_gpus(const Scenario& scenario) { return scenario.topology.device.generation != "cpu"; }

/// The ranks of one GPU, side by side, in what is free on it.
void check_memory(const GpuState& gpu, std::size_t number, std::size_t gpus, const Job& job) {
  Bytes needed{0};
  std::string largest;
  Bytes most{0};
  std::size_t ranks = 0;
  for (std::size_t rank = number; rank < job.ranks.size(); rank += gpus, ++ranks) {
    const Program& program = job.programs[job.ranks[rank].program];
    const Bytes own = plan_step(program).arena_size;
    needed += own + (ranks > 0 ? kContext : Bytes{0});
    if (own <= most) continue;
    most = own;
    largest = "rank " + std::to_string(rank) + ", " + program.name + ", has a peak of " +
              to_text(walk_memory(program).total) + " and needs a block of " + to_text(own);
  }
  if (needed <= gpu.free) return;
  throw Error(ErrorKind::kInfeasible,
              "GPU " + std::to_string(number) + " (" + gpu.name + ") has " + to_text(gpu.free) +
                  " of its " + to_text(gpu.total) + " free, and " + std::to_string(ranks) +
                  (ranks == 1 ? " rank needs " : " ranks on it need ") + to_text(needed) + ": " +
                  largest + (ranks == 1 ? "" : "; a further process takes " + to_text(kContext)) +
                  "; recompute, use a smaller model or micro_batch_size, or free the GPU");
}

ChosenDevice on_cores(bool reference) {
  return {.platform =
              std::make_unique<CpuPlatform>(reference ? reference_launchers() : cpu_launchers()),
          .name = reference ? "cores, plain loops" : "cores"};
}

ChosenDevice on_gpus(const Job& job) {
  const GpuModule& module = load_gpu_module();
  const std::vector<GpuState> gpus = find_gpus(module);
  const std::size_t used = std::min(gpus.size(), job.ranks.size());
  for (std::size_t number = 0; number < used; ++number)
    check_memory(gpus[number], number, gpus.size(), job);
  return {.platform = module.platform(static_cast<int>(gpus.size())),
          .name = std::to_string(used) + " x " + gpus.front().name};
}

}  // namespace

ChosenDevice choose_device(const DeviceChoice& choice, const Scenario& scenario, const Job& job) {
  const bool gpus = choice.device == "cuda" ||
                    (choice.device == "auto" && !choice.reference && has_gpus(scenario));
  if (!gpus) return on_cores(choice.reference);
  if (choice.reference)
    throw Error(ErrorKind::kUsage, "--reference is plain loops on cores; leave --device cuda out");
  if (!choice.on_this_machine)
    throw Error(ErrorKind::kUnsupported,
                "GPUs are used by ranks of this machine alone, which stepcast starts itself; leave "
                "mpirun out, or train on cores with --device cpu");
  try {
    return on_gpus(job);
  } catch (const Error& error) {
    if (choice.device == "cuda" || error.kind() != ErrorKind::kUnsupported) throw;
    throw Error(error.kind(), scenario.file + ": the topology is of " +
                                  scenario.topology.device.name + ", and " + error.what() +
                                  " (--device cpu trains it on cores)");
  }
}

}  // namespace stepcast::cli
