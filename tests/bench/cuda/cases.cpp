#include "tests/bench/cuda/cases.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "kernels/ops/fp8.h"
#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast::bench {
namespace {

/// Numbers in [lowest, 1); a stretch of them is repeated, so that set-up is short.
template <typename T>
DeviceArray<T> random(std::int64_t n, unsigned seed, float lowest = -1) {
  std::minstd_rand words(seed);
  std::vector<T> stretch(static_cast<std::size_t>(std::min<std::int64_t>(n, 1000003)));
  for (T& value : stretch)
    store(value, lowest + (1 - lowest) * static_cast<float>(words() % 65536) / 65536.0F);
  std::vector<T> values(static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = stretch[i % stretch.size()];
  return DeviceArray<T>(values);
}

DeviceArray<std::int32_t> words(std::int64_t n) {
  std::minstd_rand draw(1);
  std::vector<std::int32_t> values(static_cast<std::size_t>(n));
  for (std::int32_t& id : values)
    id = static_cast<std::int32_t>(draw() % static_cast<unsigned>(kWords));
  return DeviceArray<std::int32_t>(values);
}

DeviceArray<std::int32_t> every_hundredth() {
  std::vector<std::int32_t> values(static_cast<std::size_t>(kElements / 100));
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::int32_t>(100 * i);
  return DeviceArray<std::int32_t>(values);
}

/// Seconds of each of `repeats` runs one after the other: only then does the host's work for one
/// hide behind the device's for the one before.
double time(Bench& bench, const Run& run, int repeats) {
  const DeviceEvent begin, end;
  begin.record(bench.stream.handle());
  for (int i = 0; i < repeats; ++i) run(bench);
  end.record(bench.stream.handle());
  end.synchronize();
  return elapsed(begin, end).value() / repeats;
}

/// Times that are taken of a case; the counters are of the median.
constexpr std::int64_t kTimes = 101;

/// So many that a time is of some milliseconds. The first run is no measure: it asks libraries for
/// kernels, and takes scratch memory.
int repeats_of(Bench& bench, const Run& run) {
  run(bench);
  bench.stream.synchronize();
  return std::clamp(static_cast<int>(std::ceil(3e-3 / time(bench, run, 2))), 1, 100);
}

/// Ours and the reference take turns, so that both see the same clocks.
void time_case(benchmark::State& state, Bench& bench, const Case& one, const Run& run) {
  if (one.check) one.check(bench);
  const int repeats = repeats_of(bench, run);
  const int of_reference = one.reference ? repeats_of(bench, one.reference) : 0;
  std::vector<double> ours, theirs;
  for (auto _ : state) {
    ours.push_back(time(bench, run, repeats));
    if (one.reference) theirs.push_back(time(bench, one.reference, of_reference));
    state.SetIterationTime(ours.back());
  }
  const double seconds = median(ours);
  if (one.bytes > 0) state.counters["bytes/s"] = one.bytes / seconds;
  if (one.bytes > 0 && one.of_copy)
    state.counters["of_copy"] = one.bytes / seconds / bench.copy_rate;
  if (one.flops > 0) state.counters["FLOP/s"] = one.flops / seconds;
  if (!one.reference) return;
  state.counters["reference_us"] = 1e6 * median(theirs);
  if (one.flops > 0) state.counters["reference FLOP/s"] = one.flops / median(theirs);
  state.counters[one.ratio] = median(theirs) / seconds;
}

/// The counter that a case is to have, and what a failed one says by its label.
std::string counter_of(const Case& one) {
  if (one.reference) return one.ratio;
  return one.bytes > 0 && one.of_copy ? "of_copy" : "no counter";
}

double measured_copy(Bench& bench) {
  const Run copy = [](Bench& b) {
    copy_bytes(b.x.data(), b.y.data(), static_cast<std::size_t>(kBf16Tensor), b.stream.handle());
  };
  const int repeats = repeats_of(bench, copy);
  std::vector<double> seconds(21);
  for (double& one : seconds) one = time(bench, copy, repeats);
  return 2 * kBf16Tensor / median(seconds);
}

}  // namespace

Bench::Bench()
    : x(random<Bf16>(kElements, 1)),
      z(random<Bf16>(3 * kElements, 2)),
      vector(random<Bf16>(kHidden, 3)),
      half(random<Fp16>(kElements, 4)),
      f(random<float>(kElements, 5)),
      numbers(kElements),
      tokens(words(kTokens)),
      places(every_hundredth()),
      y(random<Bf16>(kElements, 6)),
      result(random<Bf16>(3 * kElements, 7)),
      g(random<float>(kElements, 8)),
      h(random<float>(kElements, 9)),
      w(random<float>(kElements, 10)),
      squares(random<float>(kElements, 11, 0)),
      rows(random<float>(64 * kTokens, 12)),
      more_rows(random<float>(64 * kTokens, 13)),
      sums(random<float>(2 * kHidden, 14)),
      bytes(kElements),
      sum(1) {
  cuda::fp8_scale(cuda::Fp8::kE4m3, kElements, f.data(), sums.data(), context);
  cuda::cast_to_fp8(cuda::Fp8::kE4m3, kElements, f.data(), sums.data(), numbers.data(), context);
  stream.synchronize();
  copy_rate = measured_copy(*this);
}

void add(Bench& bench, const Case& one, const Run& run) {
  const auto body = [&bench, one, run](benchmark::State& state) {
    try {
      time_case(state, bench, one, run);
    } catch (const Error& error) {
      state.SetLabel(counter_of(one));
      state.SkipWithError(error.what());
    }
  };
  benchmark::RegisterBenchmark(one.name.c_str(), body)
      ->Iterations(kTimes)
      ->UseManualTime()
      ->Unit(benchmark::kMicrosecond);
}

}  // namespace stepcast::bench
