#include "kernels/profiler/profile_run.h"

#include "sim/base/error.h"

namespace stepcast {
namespace {

std::vector<TimedKernel> timed_before(const DeviceProfile& profile) {
  std::vector<TimedKernel> timed;
  for (const MeasuredKernel& point : profile.points.all()) {
    timed.push_back(
        {.kernel = point.kernel, .time = point.time, .disagreement = point.relative_sigma});
    if (point.burst)
      timed.push_back({.kernel = point.kernel,
                       .time = *point.burst,
                       .disagreement = point.relative_sigma,
                       .condition = Condition::kShortBenchmark});
  }
  return timed;
}

}  // namespace

ProfileRun run_profile(KernelBench& bench, const std::vector<Kernel>& kernels,
                       const DeviceProfile* earlier, const TimingOptions& options,
                       Stopwatch& stopwatch) {
  ProfileRun run;
  if (earlier) run.timed = timed_before(*earlier);
  run.kept = earlier ? earlier->points.all().size() : 0;
  std::vector<Kernel> asked;
  std::vector<Trial> trials;
  for (const Kernel& kernel : kernels) {
    if (earlier && earlier->points.find(kernel)) continue;
    if (std::string why = bench.refusal(kernel); !why.empty()) {
      run.refused.emplace_back(kernel, std::move(why));
      continue;
    }
    try {
      trials.push_back(bench.trial(kernel));
      asked.push_back(kernel);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kInfeasible) throw;
      run.refused.emplace_back(kernel, error.what());
    }
  }
  const std::vector<Timing> timings = time_in_rounds(trials, options, stopwatch);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Timing& timing = timings[i];
    run.samples += static_cast<std::size_t>(timing.samples);
    run.dropped += static_cast<std::size_t>(timing.dropped);
    if (!timing.failure.empty())
      run.refused.emplace_back(asked[i], timing.failure);
    else if (timing.rounds > 0)
      run.timed.push_back({.kernel = asked[i],
                           .time = Seconds(timing.median),
                           .disagreement = timing.disagreement});
    else if (timing.dropped > 0)
      ++run.unknown;
    else
      run.complete = false;
  }
  return run;
}

}  // namespace stepcast
