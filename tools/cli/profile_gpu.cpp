#include <algorithm>
#include <filesystem>

#include "kernels/gpu_profiler/gpu_matching.h"
#include "kernels/gpu_profiler/gpu_profile.h"
#include "kernels/gpu_profiler/opened_gpu.h"
#include "kernels/profiler/sweep.h"
#include "tools/cli/named_by.h"
#include "tools/cli/profile_targets.h"

namespace stepcast::cli {
namespace {

/// Of a scenario's kernels, and of the full grid.
constexpr double kScenarioBudget = 60, kGridBudget = 3600;

class GpuTarget final : public ProfileTarget {
 public:
  GpuTarget(std::unique_ptr<OpenedGpu> gpu, Device device, std::vector<BenchCase> cases,
            double budget)
      : gpu_(std::move(gpu)),
        device_(std::move(device)),
        cases_(std::move(cases)),
        budget_(budget) {}

  std::string machine() const override { return gpu_->device().facts().name; }
  const Device& device() const override { return device_; }
  double budget() const override { return budget_; }
  ProfileRun run(const DeviceProfile* earlier, const TimingOptions& options) override {
    std::vector<Kernel> kernels;
    for (const BenchCase& one : cases_) kernels.push_back(one.kernel);
    GpuBench bench(gpu_->device(), cases_);
    GpuProfileRun result = run_gpu_profile(gpu_->device(), bench, gpu_->watch(), gpu_->time(),
                                           kernels, earlier, options);
    under_load_ = std::move(result.facts);
    notes_ = std::move(result.notes);
    return std::move(result.run);
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    std::vector<std::pair<std::string, std::string>> facts = gpu_->facts();
    facts.insert(facts.end(), under_load_.begin(), under_load_.end());
    return facts;
  }
  std::vector<std::string> notes() const override {
    std::vector<std::string> notes = notes_;
    for (const std::string& line : gpu_->unknown()) notes.push_back("not watched: " + line);
    return notes;
  }

 private:
  std::unique_ptr<OpenedGpu> gpu_;
  Device device_;
  std::vector<BenchCase> cases_;
  double budget_;
  std::vector<std::pair<std::string, std::string>> under_load_;
  std::vector<std::string> notes_;
};

/// In the types that the device computes in.
std::vector<BenchCase> grid_of(const Device& device) {
  std::vector<Dtype> dtypes;
  for (const Dtype dtype : {Dtype::kBf16, Dtype::kFp16, Dtype::kFp32, Dtype::kTf32, Dtype::kFp8})
    if (device.peak(dtype).value() > 0) dtypes.push_back(dtype);
  std::vector<BenchCase> cases;
  for (const Kernel& kernel : grid(full_gpu_grid(dtypes))) cases.push_back(default_case(kernel));
  return cases;
}

/// The device that the GPU is, as the user says or as its name does.
Device device_of(const GpuFacts& gpu, const GpuChoice& choice, const Library& library) {
  if (choice.as.empty()) return match_gpu(gpu, shipped_devices(library));
  return named_by("--as", [&] { return load_device(choice.as, library); });
}

void require_device(const Scenario& scenario, const Device& here, const GpuFacts& gpu) {
  const Device& wanted = scenario.topology.device;
  if (wanted.name == here.name) return;
  throw Error(ErrorKind::kUnsupported,
              scenario.file + ": runs on " + wanted.name + ", and this GPU (" + gpu.name + ") is " +
                  here.name +
                  "; choose a scenario on that, or carry its profile over with --transfer-from");
}

}  // namespace

std::vector<Device> shipped_devices(const Library& library) {
  namespace fs = std::filesystem;
  std::vector<Device> devices;
  for (const auto& entry : fs::directory_iterator(fs::path(library.device_file("x")).parent_path()))
    if (entry.path().extension() == ".json")
      devices.push_back(load_device(entry.path().string(), library));
  // Folders are listed in no order.
  std::ranges::sort(devices, {}, &Device::name);
  return devices;
}

std::string why_no_gpu(int number) {
  try {
    require_gpu(load_profiler_module().presence(), number);
    return "";
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUnsupported) throw;
    return error.what();
  }
}

std::unique_ptr<ProfileTarget> gpu_target(const std::optional<Scenario>& scenario,
                                          const GpuChoice& choice, const Library& library) {
  if (scenario && scenario->topology.device.generation == "cpu")
    throw Error(ErrorKind::kUnsupported, scenario->file + ": runs on " +
                                             scenario->topology.device.name +
                                             ", not on a GPU; leave --device cuda out");
  auto gpu = std::make_unique<OpenedGpu>(load_profiler_module(), choice.number);
  Device device = device_of(gpu->device().facts(), choice, library);
  if (scenario) require_device(*scenario, device, gpu->device().facts());
  std::vector<BenchCase> cases = scenario ? cases_of(build_programs(*scenario)) : grid_of(device);
  return std::make_unique<GpuTarget>(std::move(gpu), std::move(device), std::move(cases),
                                     scenario ? kScenarioBudget : kGridBudget);
}

}  // namespace stepcast::cli
