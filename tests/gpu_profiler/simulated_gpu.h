// A GPU in which time passes by formula, for tests of everything that is decided above GpuDevice.
//
//   products        flops / 500 TFLOP/s + 3 us, up to `throttling` slower the longer it is loaded
//   other kernels   bytes / 4 TB/s + 2 us; a third of that while their operands are cached
//   reductions      3 bytes for each of x / (blocks * 60 GB/s), holding `blocks` of 100 SMs
//   messages        2 bytes for each of x, likewise
//   copies          bytes / 50 GB/s to the host, 200 GB/s to a peer, 2 TB/s within
//
// Addresses are given out but hold nothing: what is uploaded is kept for tests.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "kernels/gpu_profiler/gpu_device.h"
#include "kernels/gpu_profiler/gpu_sensors.h"
#include "kernels/profiler/timing.h"

namespace stepcast {

class SimulatedGpu final : public GpuDevice {
 public:
  static constexpr int kSms = 100;

  SimulatedGpu();

  /// The host's clock: the device's time passes with it.
  double now() const { return now_; }
  void sleep(double seconds) { now_ += seconds; }
  /// What a kernel takes alone, at the highest clock, with its operands in memory.
  static double seconds_of(const Kernel& kernel);
  /// Of products under endless load, times their time at rest.
  double settled_slowdown() const { return 1 + throttling; }

  // What tests set.
  double throttling = 0.2;
  double time_constant = 0.3;  ///< seconds of load until 63 % of that
  /// Called with each kernel before it is launched: may throw.
  std::function<void(const Kernel&)> on_launch;
  std::int64_t memory = 100'000'000'000;

  // What tests look at.
  std::vector<std::byte> uploaded;  ///< the last bytes
  std::vector<std::vector<std::byte>> large_uploads;
  std::int64_t allocated = 0;
  std::size_t flushes = 0, launches = 0;

  const GpuFacts& facts() const override { return facts_; }
  GpuFacts& facts() { return facts_; }
  LauncherTable launchers() const override;
  std::int64_t free_bytes() const override { return memory - allocated; }
  std::byte* allocate(std::int64_t bytes) override;
  void upload(std::span<const std::byte> from, std::byte* to) override;
  void repeat(const std::byte*, std::int64_t, std::byte*, std::int64_t) override {}
  void launch(GpuLane lane, const Launch& launch) override;
  void flush_cache(GpuLane lane) override;
  void reduce(GpuLane lane, int blocks, const std::byte* x, std::byte* y, std::int64_t bytes,
              int passes) override;
  void move(GpuLane lane, int blocks, const std::byte* x, std::byte* y, std::int64_t bytes,
            int passes) override;
  void copy(GpuLane lane, const std::byte* from, std::byte* to, std::int64_t bytes,
            int passes) override;
  void copy_to_host(GpuLane lane, const std::byte* from, std::int64_t bytes, int passes) override;
  void copy_to_peer(GpuLane lane, const std::byte* from, std::int64_t bytes, int passes) override;
  Mark mark(GpuLane lane) override;
  void hold(GpuLane lane, Mark mark) override;
  void wait() override;
  double seconds(Mark from, Mark to) const override { return marks_[to] - marks_[from]; }
  void forget_marks() override { marks_.clear(); }

 private:
  /// What a neighbour leaves of the rates of kernels, from `begin` to `end`.
  struct Beside {
    double begin = 0, end = 0;
    double products = 1, memory_bound = 1;
  };
  double& end_of(GpuLane lane) { return ends_[static_cast<std::size_t>(lane)]; }
  double begin_in(GpuLane lane);
  double end_beside(double begin, double work, bool memory_bound) const;
  void occupy(GpuLane lane, double seconds, double products, double memory_bound);
  void load_or_rest(double begin, double end, bool loaded);

  GpuFacts facts_;
  double now_ = 0;
  std::array<double, 2> ends_{};
  double load_ = 0, load_known_at_ = 0;
  std::vector<double> marks_;
  std::vector<Beside> beside_;
  bool cached_ = false;
  std::int64_t next_address_ = 4096;
};

/// The host's clock of a simulated GPU.
class SimulatedClock final : public Clock {
 public:
  explicit SimulatedClock(const SimulatedGpu& gpu) : gpu_(gpu) {}
  double wall() const override { return gpu_.now(); }
  double cpu() const override { return gpu_.now(); }

 private:
  const SimulatedGpu& gpu_;
};

/// Sensors that say what a test sets.
class SimulatedSensors final : public GpuSensors {
 public:
  SensorReadings now;
  std::vector<GpuProcess> running;
  bool knows_processes = true;

  SensorReadings state() const override { return now; }
  std::optional<std::vector<GpuProcess>> processes() const override {
    if (!knows_processes) return std::nullopt;
    return running;
  }
  std::string driver_version() const override { return ""; }
  std::vector<std::string> missing() const override { return {}; }
};

}  // namespace stepcast
