#include "kernels/profiler/kernel_fit.h"

#include <utility>

#include "sim/cost/cost_model.h"

namespace stepcast {
namespace {

/// Seconds by kernel.
std::vector<double> predict_times(const Device& device, const DeviceProfile& profile,
                                  const std::vector<TimedKernel>& timed) {
  StackProfile stack;
  stack.kernel_library = profile.kernel_library;
  const auto model_in = [&](Condition condition) {
    return CostModel(device, profile, ideal_network_profile(), stack, condition);
  };
  const CostModel training = model_in(Condition::kTraining),
                  benchmark = model_in(Condition::kShortBenchmark);
  std::vector<double> times;
  for (const TimedKernel& one : timed) {
    const CostModel& costs = one.condition == Condition::kTraining ? training : benchmark;
    times.push_back(costs.kernel(one.kernel).time.value());
  }
  return times;
}

/// Kernels as rows of a fit.
class KernelRows : public RowModel {
 public:
  KernelRows(const Device& device, const std::vector<TimedKernel>& timed,
             const ApplyParameters& apply)
      : device_(device), timed_(timed), apply_(apply) {}

  std::size_t num_rows() const override { return timed_.size(); }

  std::vector<std::vector<double>> predict(
      const std::vector<std::vector<double>>& points) override {
    std::vector<std::vector<double>> predicted;
    for (const std::vector<double>& point : points) {
      DeviceProfile profile;
      profile.device = device_.name;
      apply_(profile, point);
      predicted.push_back(predict_times(device_, profile, timed_));
    }
    return predicted;
  }

 private:
  const Device& device_;
  const std::vector<TimedKernel>& timed_;
  const ApplyParameters& apply_;
};

}  // namespace

std::vector<double> fit_kernels(const Device& device, const std::vector<TimedKernel>& timed,
                                const std::vector<Prior>& priors, const ApplyParameters& apply) {
  FitData data;
  for (const TimedKernel& one : timed) data.measured.push_back(one.time.value());
  KernelRows rows(device, timed, apply);
  return fit_logs(rows, priors, data).at.values;
}

std::vector<double> errors_of(const Device& device, const DeviceProfile& profile,
                              const std::vector<TimedKernel>& timed) {
  std::vector<double> errors = predict_times(device, profile, timed);
  for (std::size_t i = 0; i < timed.size(); ++i) errors[i] = errors[i] / timed[i].time.value() - 1;
  return errors;
}

}  // namespace stepcast
