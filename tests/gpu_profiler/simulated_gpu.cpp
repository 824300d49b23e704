#include "tests/gpu_profiler/simulated_gpu.h"

#include <algorithm>
#include <cmath>

#include "sim/base/error.h"

namespace stepcast {
namespace {

bool is_memory_bound(const Kernel& kernel) {
  return info(kernel.kind).family == KernelFamily::kMemoryBound;
}

}  // namespace

SimulatedGpu::SimulatedGpu() {
  facts_.name = "NVIDIA H200";
  facts_.bus_id = "00000000:18:00.0";
  facts_.num_sms = kSms;
  facts_.major = 9;
  facts_.memory_bytes = memory;
  facts_.l2_bytes = 50 << 20;
}

double SimulatedGpu::seconds_of(const Kernel& kernel) {
  if (is_memory_bound(kernel)) return static_cast<double>(bytes_of(kernel).value()) / 4e12 + 2e-6;
  return flops_of(kernel).value() / 500e12 + 3e-6;
}

LauncherTable SimulatedGpu::launchers() const {
  static const std::array<Launcher, 64> kAll = [] {
    std::array<Launcher, 64> all{};
    all.fill([](const Launch&) {});
    return all;
  }();
  return kAll;
}

std::byte* SimulatedGpu::allocate(std::int64_t bytes) {
  if (allocated + bytes > memory) throw Error(ErrorKind::kInfeasible, "CUDA: out of memory");
  allocated += bytes;
  // Nothing lies there. NOLINTNEXTLINE(performance-no-int-to-ptr)
  auto* const address = reinterpret_cast<std::byte*>(next_address_);
  next_address_ += (bytes + 255) / 256 * 256;
  return address;
}

void SimulatedGpu::upload(std::span<const std::byte> from, std::byte* /*to*/) {
  uploaded.assign(from.begin(), from.end());
  if (from.size() > 1'000'000) large_uploads.push_back(uploaded);
}

/// d load / dt = (1 - load) / time_constant under load, -load / time_constant at rest.
void SimulatedGpu::load_or_rest(double begin, double end, bool loaded) {
  load_ *= std::exp(-(begin - load_known_at_) / time_constant);
  const double kept = std::exp(-(end - begin) / time_constant);
  load_ = loaded ? 1 - (1 - load_) * kept : load_ * kept;
  load_known_at_ = end;
}

double SimulatedGpu::begin_in(GpuLane lane) { return std::max(end_of(lane), now_); }

/// Neighbours take their share for as long as they run.
double SimulatedGpu::end_beside(double begin, double work, bool memory_bound) const {
  double at = begin;
  for (const Beside& beside : beside_) {
    const double from = std::max(at, beside.begin);
    if (from >= beside.end || at + work <= from) continue;
    work -= from - at;
    const double rate = memory_bound ? beside.memory_bound : beside.products;
    const double shared = std::min(work / rate, beside.end - from);
    work -= shared * rate;
    at = from + shared;
  }
  return at + work;
}

void SimulatedGpu::launch(GpuLane lane, const Launch& launch) {
  if (on_launch) on_launch(launch.kernel);
  ++launches;
  const bool memory_bound = is_memory_bound(launch.kernel);
  const double begin = begin_in(lane);
  load_or_rest(begin, begin, false);
  double work = seconds_of(launch.kernel);
  if (memory_bound && cached_) work /= 3;
  if (!memory_bound) work *= 1 + throttling * load_;
  end_of(lane) = end_beside(begin, work, memory_bound);
  load_or_rest(begin, end_of(lane), !memory_bound);
  cached_ = true;
}

void SimulatedGpu::flush_cache(GpuLane lane) {
  ++flushes;
  cached_ = false;
  end_of(lane) = begin_in(lane) + 30e-6;
}

void SimulatedGpu::occupy(GpuLane lane, double seconds, double products, double memory_bound) {
  const double begin = begin_in(lane);
  end_of(lane) = begin + seconds;
  beside_.push_back({begin, begin + seconds, products, memory_bound});
}

void SimulatedGpu::reduce(GpuLane lane, int blocks, const std::byte* /*x*/, std::byte* /*y*/,
                          std::int64_t bytes, int passes) {
  const double rate = 60e9 * blocks;
  occupy(lane, 3.0 * static_cast<double>(bytes) * passes / rate, 1 - double(blocks) / kSms,
         1 - rate / 4e12);
}

void SimulatedGpu::move(GpuLane lane, int blocks, const std::byte* /*x*/, std::byte* /*y*/,
                        std::int64_t bytes, int passes) {
  const double rate = 60e9 * blocks;
  occupy(lane, 2.0 * static_cast<double>(bytes) * passes / rate, 1 - double(blocks) / kSms,
         1 - rate / 4e12);
}

void SimulatedGpu::copy(GpuLane lane, const std::byte* /*from*/, std::byte* /*to*/,
                        std::int64_t bytes, int passes) {
  occupy(lane, static_cast<double>(bytes) * passes / 2e12, 0.9, 0.5);
}

void SimulatedGpu::copy_to_host(GpuLane lane, const std::byte* /*from*/, std::int64_t bytes,
                                int passes) {
  occupy(lane, static_cast<double>(bytes) * passes / 50e9, 1, 0.98);
}

void SimulatedGpu::copy_to_peer(GpuLane lane, const std::byte* /*from*/, std::int64_t bytes,
                                int passes) {
  STEPCAST_CHECK(facts_.peers > 0, "a copy to a peer where there is none");
  occupy(lane, static_cast<double>(bytes) * passes / 200e9, 0.97, 0.95);
}

GpuDevice::Mark SimulatedGpu::mark(GpuLane lane) {
  marks_.push_back(begin_in(lane));
  return marks_.size() - 1;
}

void SimulatedGpu::hold(GpuLane lane, Mark mark) {
  end_of(lane) = std::max(end_of(lane), marks_[mark]);
}

void SimulatedGpu::wait() {
  now_ = std::max({now_, ends_[0], ends_[1]});
  beside_.clear();
}

}  // namespace stepcast
