#include "kernels/gpu_profiler/opened_gpu.h"

#include "kernels/gpu_profiler/nvml.h"

namespace stepcast {

OpenedGpu::OpenedGpu(const ProfilerModule& module, int number) {
  require_gpu(module.presence(), number);
  const std::string bus_id = module.bus_id(number);
  sensors_ = open_nvml(bus_id);
  require_undisturbed(*sensors_, "GPU " + std::to_string(number) + " (" + bus_id + ")");
  const auto before = sensors_->processes().value_or(std::vector<GpuProcess>{});
  device_ = module.open(number);
  watch_.emplace(*sensors_, before);
}

std::vector<std::pair<std::string, std::string>> OpenedGpu::facts() const {
  const GpuFacts& gpu = device_->facts();
  std::vector<std::pair<std::string, std::string>> facts = {{"machine", gpu.name},
                                                            {"sms", std::to_string(gpu.num_sms)}};
  if (const std::string driver = sensors_->driver_version(); !driver.empty())
    facts.emplace_back("driver", driver);
  facts.insert(facts.end(), gpu.versions.begin(), gpu.versions.end());
  for (const std::string& line : sensors_->missing()) {
    facts.emplace_back("not_watched", line);
    break;
  }
  return facts;
}

}  // namespace stepcast
