#include "kernels/live/cpu_launchers.h"
#include "kernels/profiler/cpu_bench.h"
#include "kernels/profiler/machine.h"
#include "kernels/profiler/sweep.h"
#include "tools/cli/profile_targets.h"

namespace stepcast::cli {
namespace {

class CpuTarget final : public ProfileTarget {
 public:
  CpuTarget(Device device, std::vector<BenchCase> cases)
      : device_(std::move(device)), cases_(std::move(cases)) {}

  std::string machine() const override { return machine_name(); }
  const Device& device() const override { return device_; }
  double budget() const override { return 60; }
  ProfileRun run(const DeviceProfile* earlier, const TimingOptions& options) override {
    prepare_cpu();
    CpuBench bench(cpu_launchers(), cases_);
    std::vector<Kernel> kernels;
    for (const BenchCase& one : cases_) kernels.push_back(one.kernel);
    const SystemClock clock;
    CoreStopwatch stopwatch(clock);
    TimingOptions on_core = options;
    on_core.least_sample = 20e-6;  // both clocks together take a microsecond to read
    on_core.enough = 20e-3;        // long runs meet slow spells in any round, short ones in some
    return run_profile(bench, kernels, earlier, on_core, stopwatch);
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    return machine_facts();
  }

 private:
  Device device_;
  std::vector<BenchCase> cases_;
};

}  // namespace

std::unique_ptr<ProfileTarget> cpu_target(const std::optional<Scenario>& scenario,
                                          const Library& library) {
  if (!scenario) {
    std::vector<BenchCase> cases;
    for (const Kernel& kernel : grid(quick_cpu_grid())) cases.push_back(default_case(kernel));
    return std::make_unique<CpuTarget>(load_device("CPU-core", library), std::move(cases));
  }
  const Device& device = scenario->topology.device;
  if (device.generation != "cpu")
    throw Error(ErrorKind::kUnsupported,
                scenario->file + ": runs on " + device.name +
                    ", not on CPU cores; leave --device cpu out, choose a scenario on CPU ranks "
                    "(scenarios/live-*.json), or carry a profile over with --transfer-from");
  return std::make_unique<CpuTarget>(device, cases_of(build_programs(*scenario)));
}

}  // namespace stepcast::cli
