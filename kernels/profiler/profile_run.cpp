#include "kernels/profiler/profile_run.h"

namespace stepcast {

ProfileRun run_profile(KernelBench& bench, const std::vector<Kernel>& kernels,
                       const DeviceProfile* earlier, const TimingOptions& options,
                       const Clock& clock) {
  ProfileRun run;
  if (earlier)
    for (const MeasuredKernel& point : earlier->points.all())
      run.timed.push_back(
          {.kernel = point.kernel, .time = point.time, .disagreement = point.relative_sigma});
  run.kept = run.timed.size();
  std::vector<Kernel> asked;
  std::vector<Trial> trials;
  for (const Kernel& kernel : kernels) {
    if (earlier && earlier->points.find(kernel)) continue;
    if (std::string why = bench.refusal(kernel); !why.empty()) {
      run.refused.emplace_back(kernel, std::move(why));
      continue;
    }
    asked.push_back(kernel);
    trials.push_back(bench.trial(kernel));
  }
  const std::vector<Timing> timings = time_in_rounds(trials, options, clock);
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const Timing& timing = timings[i];
    run.samples += static_cast<std::size_t>(timing.samples);
    run.dropped += static_cast<std::size_t>(timing.dropped);
    if (timing.rounds > 0)
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
