#include "kernels/gpu_profiler/overlap_bench.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "kernels/gpu_profiler/gpu_bench.h"
#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

using Kind = Neighbour::Kind;

/// Of a neighbour at once, larger than any cache.
constexpr std::int64_t kNeighbourBytes = 256 << 20;
/// Of a kernel beside it: long enough that the ends do not count.
constexpr double kKernelSeconds = 5e-3;
/// Of load before a product.
constexpr double kLoadSeconds = 0.05;
/// A neighbour is to outlast the kernel.
constexpr double kOutlasts = 1.5;
constexpr int kMostPasses = 1 << 16;

/// A large layer's product, and an activation of 256 MiB in and out.
constexpr Kernel kProduct{
    .kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {8192, 8192, 8192}};
constexpr Kernel kMemoryBound{
    .kind = KernelKind::kGeluForward, .dtype = Dtype::kBf16, .dims = {128 << 20}};

/// A kernel and what runs beside it.
struct Pair {
  Trial kernel;
  int runs = 1;
  Neighbour neighbour{};
  int passes = 1;
  std::vector<double> alone{}, bandwidths{};
};

/// Runs pairs. What it gives as the time of one is how many times longer the kernel takes beside
/// its neighbour than alone just before: both at one clock, however that drifts. A sample in which
/// the neighbour ended first does not count, and the neighbour is made longer.
class OverlapStopwatch final : public Stopwatch {
 public:
  OverlapStopwatch(GpuDevice& device, GpuWatch& watch, const HostTime& time, const GpuLoad& load,
                   std::byte* x, std::byte* y)
      : device_(device), watch_(watch), time_(time), load_(load), x_(x), y_(y) {}

  double now() const override { return time_.clock.wall(); }
  bool works() const override { return failure_.empty(); }
  const std::string& failure() const { return failure_; }

  Sample sample(const Trial& trial, int turn, int runs) override {
    Sample sample{.good = false};
    guard([&] {
      for (int i = 0; i < runs; ++i) trial.run((turn + i) % trial.turns);
      sample = sample_;
    });
    return sample;
  }

  /// To be run as a trial: leaves what it took for sample().
  void run(Pair& pair, int turn) {
    load_.issue(kLoadSeconds);
    device_.wait();
    device_.forget_marks();
    const Stretch alone = issue_kernel(pair, turn);
    device_.hold(GpuLane::kBeside, alone.to);
    const GpuDevice::Mark begun = device_.mark(GpuLane::kBeside);
    issue(pair.neighbour, pair.passes);
    const GpuDevice::Mark passed = device_.mark(GpuLane::kBeside);
    device_.hold(GpuLane::kMain, begun);
    const Stretch beside = issue_kernel(pair, turn + pair.runs);
    const bool quiet = watch_.undisturbed(now());
    device_.wait();
    const double seconds = device_.seconds(alone.from, alone.to);
    const double lasted = device_.seconds(begun, passed);
    sample_ = {.seconds = device_.seconds(beside.from, beside.to) / seconds, .good = quiet};
    pair.alone.push_back(seconds / pair.runs);
    pair.bandwidths.push_back(static_cast<double>(kNeighbourBytes) * pair.passes / lasted);
    if (device_.seconds(beside.to, passed) >= 0) return;
    sample_.good = false;
    const double needed = kOutlasts * device_.seconds(begun, beside.to) / lasted;
    pair.passes = std::min(kMostPasses, static_cast<int>(std::ceil(needed * pair.passes)) + 1);
  }

 private:
  struct Stretch {
    GpuDevice::Mark from, to;
  };
  Stretch issue_kernel(const Pair& pair, int turn) {
    const GpuDevice::Mark from = device_.mark(GpuLane::kMain);
    for (int i = 0; i < pair.runs; ++i) pair.kernel.run((turn + i) % pair.kernel.turns);
    return {from, device_.mark(GpuLane::kMain)};
  }

  /// Failures of the GPU end the run; those of one kernel are the caller's.
  template <typename Work>
  void guard(Work work) {
    try {
      work();
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kLiveRank) throw;
      failure_ = error.what();
    }
  }

  void issue(const Neighbour& neighbour, int passes) {
    constexpr GpuLane kLane = GpuLane::kBeside;
    switch (neighbour.kind) {
      case Kind::kReduction:
        return device_.reduce(kLane, neighbour.sms, x_, y_, kNeighbourBytes, passes);
      case Kind::kMessage:
        return device_.move(kLane, neighbour.sms, x_, y_, kNeighbourBytes, passes);
      case Kind::kCopy:
        return device_.copy(kLane, x_, y_, kNeighbourBytes, passes);
      case Kind::kCopyToHost:
        return device_.copy_to_host(kLane, x_, kNeighbourBytes, passes);
      case Kind::kCopyToPeer:
        return device_.copy_to_peer(kLane, x_, kNeighbourBytes, passes);
    }
  }

  GpuDevice& device_;
  GpuWatch& watch_;
  const HostTime& time_;
  const GpuLoad& load_;
  std::byte *x_, *y_;
  Sample sample_;
  std::string failure_;
};

std::vector<Neighbour> neighbours_of(const GpuFacts& gpu, const NeighbourSms& sms) {
  std::vector<Neighbour> neighbours;
  for (const int blocks : sms.reductions) neighbours.push_back({Kind::kReduction, blocks});
  for (const int blocks : sms.messages) neighbours.push_back({Kind::kMessage, blocks});
  neighbours.push_back({.kind = Kind::kCopy});
  neighbours.push_back({.kind = Kind::kCopyToHost});
  if (gpu.peers > 0) neighbours.push_back({.kind = Kind::kCopyToPeer});
  return neighbours;
}

Pair pair_of(const Trial& kernel, double seconds, const Neighbour& neighbour) {
  return {.kernel = kernel,
          .runs = std::max(1, static_cast<int>(std::ceil(kKernelSeconds / seconds))),
          .neighbour = neighbour};
}

RateBeside rate_of(const Timing& beside) {
  if (beside.rounds == 0) return {};
  return {.rate = 1 / beside.median, .disagreement = beside.disagreement};
}

double median_or_zero(const std::vector<double>& values) {
  return values.empty() ? 0 : median(values);
}

}  // namespace

std::string to_text(const Neighbour& neighbour) {
  switch (neighbour.kind) {
    case Kind::kReduction:
      return "reduction on " + std::to_string(neighbour.sms) + " SMs";
    case Kind::kMessage:
      return "message on " + std::to_string(neighbour.sms) + " SMs";
    case Kind::kCopy:
      return "copy within the GPU";
    case Kind::kCopyToHost:
      return "copy to the host";
    case Kind::kCopyToPeer:
      return "copy to a peer";
  }
  return "";
}

OverlapRun measure_overlap(GpuDevice& device, GpuWatch& watch, const HostTime& time,
                           const NeighbourSms& sms, const TimingOptions& options) {
  OverlapRun run{.product = kProduct, .memory_bound = kMemoryBound};
  GpuBench bench(device, {default_case(kProduct), default_case(kMemoryBound)});
  for (const Kernel& kernel : {kProduct, kMemoryBound})
    if (const std::string why = bench.refusal(kernel); !why.empty())
      throw Error(ErrorKind::kInfeasible, to_text(kernel) + " " + why);
  std::byte* const x = device.allocate(kNeighbourBytes);
  std::byte* const y = device.allocate(kNeighbourBytes);
  const Trial product = bench.trial(kProduct), memory_bound = bench.trial(kMemoryBound);
  GpuLoad load{.trial = product}, stream{.trial = memory_bound};
  try {
    settle(device, stream, time, {.windows = 1, .most = 0.5}, options.stop);
    settle(device, load, time, {}, options.stop);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kLiveRank) throw;
    run.broken = error.what();
    return run;
  }

  const std::vector<Neighbour> neighbours = neighbours_of(device.facts(), sms);
  std::vector<Pair> pairs;
  for (const Neighbour& neighbour : neighbours) {
    pairs.push_back(pair_of(product, load.seconds, neighbour));
    pairs.push_back(pair_of(memory_bound, stream.seconds, neighbour));
  }
  OverlapStopwatch stopwatch(device, watch, time, load, x, y);
  std::vector<Trial> trials;
  for (Pair& pair : pairs)
    trials.push_back({.run = [&](int turn) { stopwatch.run(pair, turn); }, .turns = 1});
  const std::vector<Timing> timings = time_in_rounds(trials, options, stopwatch);

  run.product_alone = median_or_zero(pairs[0].alone);
  run.memory_bound_alone = median_or_zero(pairs[1].alone);
  for (std::size_t i = 0; i < neighbours.size(); ++i)
    run.figures.push_back({.neighbour = neighbours[i],
                           .product = rate_of(timings[2 * i]),
                           .memory_bound = rate_of(timings[2 * i + 1]),
                           .bandwidth = median_or_zero(pairs[2 * i].bandwidths)});
  run.notes = watch.disturbances();
  run.broken = stopwatch.failure();
  return run;
}

namespace {

double share_taken(const RateBeside& beside, const Neighbour& neighbour) {
  if (beside.rate <= 0)
    throw Error(ErrorKind::kUnsupported, "nothing was timed beside the " + to_text(neighbour) +
                                             "; run the overlap benchmark to its end");
  return std::max(0.0, 1 - beside.rate);
}

double bounded(double value, double most, const char* field) {
  if (value <= most) return value;
  throw Error(ErrorKind::kUnsupported, std::string(field) + " comes out as " +
                                           std::to_string(value) + ", and a stack can have " +
                                           std::to_string(most) +
                                           " at the most; choose fewer --channels");
}

}  // namespace

void set_slowdowns(const OverlapRun& run, int num_sms, const TransferChannels& channels,
                   StackProfile& stack) {
  // Bounds of read_stack_profile().
  constexpr double kMostSms = 64, kMostShare = 0.9;
  const auto beside = [&](const Neighbour& neighbour) -> const OverlapFigure& {
    for (const OverlapFigure& figure : run.figures)
      if (figure.neighbour == neighbour) return figure;
    throw Error(ErrorKind::kUnsupported, "no " + to_text(neighbour) + " was timed");
  };
  const OverlapFigure& reduction = beside({Kind::kReduction, channels.collective});
  const OverlapFigure& message = beside({Kind::kMessage, channels.message});
  const auto sms_taken = [&](const OverlapFigure& figure, const char* field) {
    return bounded(num_sms * share_taken(figure.product, figure.neighbour), kMostSms, field);
  };
  const double collective_sms = sms_taken(reduction, "collective_sms");
  const double memory_share = bounded(share_taken(reduction.memory_bound, reduction.neighbour),
                                      kMostShare, "collective_memory_share");
  stack.p2p_sms = sms_taken(message, "p2p_sms");
  stack.collective_sms = collective_sms;
  stack.collective_memory_share = memory_share;
}

}  // namespace stepcast
