#include "tools/cli/live_peak.h"

#include <algorithm>

#include "kernels/gpu_profiler/gpu_matching.h"
#include "sim/base/error.h"

namespace stepcast::cli {
namespace {

LivePeak unknown(std::string why) { return {.of = {}, .rate = {}, .unknown = std::move(why)}; }

LivePeak known(const Device& device, std::size_t count, FlopsPerSec rate, Dtype precision) {
  const std::string of = std::to_string(count) + " x " + device.name;
  if (rate.value() > 0) return {.of = of, .rate = rate, .unknown = {}};
  return unknown(device.name + " has no peak in " + std::string(name_of(precision)));
}

}  // namespace

LivePeak peak_of_gpus(const std::vector<GpuFacts>& used, const std::vector<Device>& devices,
                      Dtype precision) {
  STEPCAST_CHECK(!used.empty(), "ranks compute on some GPU");
  FlopsPerSec sum{};
  const Device* found = nullptr;
  for (const GpuFacts& gpu : used) {
    try {
      found = &match_gpu(gpu, devices);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kUnsupported) throw;
      return unknown("\"" + gpu.name + "\" with " + std::to_string(gpu.num_sms) +
                     " SMs is no shipped device (topologies/devices/)");
    }
    sum += found->peak(precision);
  }
  return known(*found, used.size(), sum, precision);
}

LivePeak peak_of_cores(const Scenario& scenario, std::size_t ranks, std::size_t cores) {
  const Device& device = scenario.topology.device;
  if (device.generation != "cpu")
    return unknown("the ranks are on cores, and the topology is of " + device.name);
  if (cores == 0) return unknown("it is not known which ranks share a core");
  const std::size_t used = std::min(ranks, cores);
  const Dtype precision = scenario.training.precision;
  return known(device, used, device.peak(precision) * static_cast<double>(used), precision);
}

}  // namespace stepcast::cli
