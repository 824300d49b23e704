#include "kernels/live/kernel_bench.h"

#include <algorithm>
#include <cmath>

#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

/// Warm kernels that are shorter are timed several at once.
constexpr double kLeastSample = 5e-6;
constexpr int kWarmSamples = 3;
/// A GPU's last cache has up to 126 MB (B200); a core's share of one is below 64 MB.
constexpr std::int64_t kElsewhereOfCore = 64 << 20, kElsewhereOfGpu = 256 << 20;

std::int64_t elsewhere_of(const LiveDevice& device) {
  return device.asynchronous() ? kElsewhereOfGpu : kElsewhereOfCore;
}

}  // namespace

KernelBench::KernelBench(std::span<const Kernel> kernels, const StepRecorder& recorder,
                         LiveDevice& device, const AdamSettings& adam, const CoreShare& share)
    : recorder_(recorder),
      device_(device),
      adam_(adam),
      shares_core_(share.turns > 1),
      places_(kernels.size()),
      walks_(recorder.launches().size()),
      elsewhere_(device.allocate(Bytes(elsewhere_of(device)))) {
  for (std::size_t place = 0; place < recorder.launches().size(); ++place) {
    const auto kernel = std::ranges::find(kernels, *recorder.launches()[place].kernel);
    places_[static_cast<std::size_t>(kernel - kernels.begin())].push_back(place);
  }
}

void KernelBench::launch(std::size_t place) const {
  const RecordedLaunch& recorded = recorder_.launches()[place];
  device_.launch(Stream::kCompute, {.kernel = *recorded.kernel,
                                    .arguments = *recorded.arguments,
                                    .operands = recorded.operands,
                                    .index = recorded.index,
                                    .adam = adam_});
}

/// Ranks that share a core take it from each other, so nothing can be said there.
KernelBench::Sample KernelBench::timed(std::size_t place, int times) const {
  device_.begin_stamps();
  const double lost = lost_.seconds();
  const Stamp begin = device_.stamp(Stream::kCompute);
  for (int i = 0; i < times; ++i) launch(place);
  const Stamp end = device_.stamp(Stream::kCompute);
  device_.wait(Stream::kCompute);
  const double time = device_.seconds(end) - device_.seconds(begin);
  // A device that runs on its own loses nothing with the core.
  return {
      .seconds = time / times,
      .good = shares_core_ || device_.asynchronous() || lost_.seconds() - lost <= kMostLost * time};
}

void KernelBench::walk() {
  for (std::size_t place = 0; place < walks_.size(); ++place)
    if (const Sample sample = timed(place); sample.good) walks_[place].push_back(sample.seconds);
}

std::vector<double> KernelBench::take_in_place() {
  std::vector<double> seconds;
  for (const std::vector<std::size_t>& places : places_) {
    std::vector<double> known;
    for (const std::size_t place : places)
      if (!walks_[place].empty()) known.push_back(median(walks_[place]));
    seconds.push_back(known.empty() ? 0 : mean(known));
  }
  for (std::vector<double>& samples : walks_) samples.clear();
  return seconds;
}

std::vector<double> KernelBench::warm() {
  std::vector<double> seconds;
  for (const std::vector<std::size_t>& places : places_)
    seconds.push_back(places.empty() ? 0 : warm(places.front()));
  return seconds;
}

std::vector<double> KernelBench::cold() {
  std::vector<double> seconds;
  for (const std::vector<std::size_t>& places : places_)
    seconds.push_back(places.empty() ? 0 : cold(places.front()));
  return seconds;
}

double KernelBench::warm(std::size_t place) const {
  const double first = timed(place).seconds;
  const auto times = static_cast<int>(std::ceil(kLeastSample / std::max(first, 1e-7)));
  std::vector<double> good;
  for (int i = 0; i < kWarmSamples; ++i)
    if (const Sample sample = timed(place, times); sample.good) good.push_back(sample.seconds);
  return good.empty() ? 0 : median(good);
}

/// A core reads and writes every line of it, a GPU writes it.
void KernelBench::walk_elsewhere() {
  constexpr std::int64_t kLine = 64;
  const std::int64_t bytes = elsewhere_of(device_);
  if (device_.asynchronous())
    return device_.zero(Stream::kCompute, {elsewhere_.get(), static_cast<std::size_t>(bytes)});
  auto* const first = reinterpret_cast<std::uint8_t*>(elsewhere_.get());
  for (std::int64_t i = 0; i < bytes; i += kLine) ++first[i];
}

double KernelBench::cold(std::size_t place) {
  walk_elsewhere();
  const Sample sample = timed(place);
  return sample.good ? sample.seconds : 0;
}

}  // namespace stepcast
