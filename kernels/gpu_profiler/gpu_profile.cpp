#include "kernels/gpu_profiler/gpu_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr double kShareOfSettling = 0.25, kShareOfBursts = 0.25;
/// Bursts say one or two numbers of a model, not the time of each kernel.
constexpr int kBurstRounds = 4;
constexpr double kRestAfterLoad = 2;  ///< seconds, in which the clock rises again

bool has_burst(const Kernel& kernel, const DeviceProfile* earlier) {
  const MeasuredKernel* const point = earlier ? earlier->points.find(kernel) : nullptr;
  return point != nullptr && point->burst.has_value();
}

bool is_product(const Kernel& kernel) {
  const KernelFamily family = info(kernel.kind).family;
  return family == KernelFamily::kGemm || family == KernelFamily::kBatchedGemm;
}

std::string settled_note(const Settling& settling, double seconds, const BenchCase& load) {
  char text[160];
  std::snprintf(text, sizeof text,
                "under load for %.1f s, %s: it takes %.1f %% longer than at first", seconds,
                to_text(load.kernel).c_str(), 100 * (settling.latest() / settling.first() - 1));
  std::string note = text;
  if (settling.settled()) return note;
  std::snprintf(text, sizeof text, ", and has not settled (the last windows differ by %.1f %%)",
                100 * settling.movement());
  return note + text;
}

class GpuProfiler {
 public:
  GpuProfiler(GpuDevice& device, GpuBench& bench, GpuWatch& watch, const HostTime& time,
              const TimingOptions& options)
      : device_(device),
        bench_(bench),
        watch_(watch),
        time_(time),
        options_(options),
        begin_(now()) {}

  GpuProfileRun run(const std::vector<Kernel>& kernels, const DeviceProfile* earlier) {
    const BenchCase* const heaviest = bench_.heaviest();
    GpuLoad load;
    try {
      if (heaviest != nullptr) settle_under(*heaviest, load);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kLiveRank) throw;
      result_.run.broken = error.what();
      result_.run.complete = false;
      return std::move(result_);
    }
    sustained(kernels, earlier, heaviest != nullptr ? &load : nullptr);
    result_.facts = watch_.facts();
    bursts(kernels, earlier);
    const std::vector<std::string> disturbed = watch_.disturbances();
    result_.notes.insert(result_.notes.end(), disturbed.begin(), disturbed.end());
    return std::move(result_);
  }

 private:
  double now() const { return time_.clock.wall(); }
  double spent() const { return now() - begin_; }
  bool goes_on() const {
    return result_.run.broken.empty() && (options_.stop == nullptr || !options_.stop->load());
  }

  void settle_under(const BenchCase& heaviest, GpuLoad& load) {
    SettlingOptions options;
    if (options_.budget > 0)
      options.most = std::min(options.most, kShareOfSettling * options_.budget);
    load.trial = bench_.trial(heaviest.kernel);
    const Settling settling = settle(device_, load, time_, options, options_.stop);
    result_.notes.push_back(settled_note(settling, spent(), heaviest));
  }

  void sustained(const std::vector<Kernel>& kernels, const DeviceProfile* earlier,
                 const GpuLoad* load) {
    TimingOptions options = options_;
    if (options.budget > 0)
      options.budget = std::max((1 - kShareOfBursts) * options.budget - spent(), 1e-3);
    watch_.forget();
    GpuStopwatch stopwatch(device_, watch_, time_, load);
    result_.run = run_profile(bench_, kernels, earlier, options, stopwatch);
    result_.run.broken = stopwatch.failure();
  }

  /// Of the products that were timed now or before.
  void bursts(const std::vector<Kernel>& kernels, const DeviceProfile* earlier) {
    std::vector<Kernel> products;
    for (const Kernel& kernel : kernels)
      if (is_product(kernel) && !has_burst(kernel, earlier) && bench_.refusal(kernel).empty())
        products.push_back(kernel);
    const double left = options_.budget > 0 ? options_.budget - spent() : 0;
    if (products.empty() || left < 0 || !goes_on()) return;
    time_.sleep(options_.budget > 0 ? std::min(kRestAfterLoad, left / 4) : kRestAfterLoad);
    TimingOptions options = options_;
    options.rounds = std::min(options.rounds, kBurstRounds);
    options.budget = options_.budget > 0 ? std::max(options_.budget - spent(), 1e-3) : 0;
    GpuStopwatch stopwatch(device_, watch_, time_, nullptr);
    ProfileRun run = run_profile(bench_, products, nullptr, options, stopwatch);
    for (TimedKernel& one : run.timed) {
      one.condition = Condition::kShortBenchmark;
      result_.run.timed.push_back(one);
    }
    result_.run.samples += run.samples, result_.run.dropped += run.dropped;
    result_.run.broken = stopwatch.failure();
  }

  GpuDevice& device_;
  GpuBench& bench_;
  GpuWatch& watch_;
  const HostTime& time_;
  const TimingOptions& options_;
  double begin_;
  GpuProfileRun result_;
};

}  // namespace

GpuProfileRun run_gpu_profile(GpuDevice& device, GpuBench& bench, GpuWatch& watch,
                              const HostTime& time, const std::vector<Kernel>& kernels,
                              const DeviceProfile* earlier, const TimingOptions& options) {
  return GpuProfiler(device, bench, watch, time, options).run(kernels, earlier);
}

}  // namespace stepcast
