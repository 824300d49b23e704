// What the profiler needs of a GPU. kernels/cuda_profiler/ has it on CUDA; a simulated one
// (tests/gpu_profiler/simulated_gpu.h) lets everything that is decided above it be tested without.
//
// There are two lanes, streams whose work may run at the same time. Calls that issue work return
// before it is done. Throws Error(kInfeasible) when memory is used up, Error(kUnsupported) for what
// the GPU or its libraries don't have, Error(kLiveRank) for what went wrong on the GPU: then it
// does not work any more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/live/launch.h"

namespace stepcast {

struct GpuFacts {
  std::string name;    ///< as the driver says it: "NVIDIA H200"
  std::string bus_id;  ///< "00000000:18:00.0", by which NVML finds it
  int num_sms = 0;
  int major = 0, minor = 0;  ///< compute capability
  std::int64_t memory_bytes = 0;
  std::int64_t l2_bytes = 0;  ///< of the last cache
  int peers = 0;              ///< other GPUs that this one reaches without the host
  /// For DeviceProfile::provenance: driver, CUDA, cuBLASLt, cuDNN.
  std::vector<std::pair<std::string, std::string>> versions{};
};

enum class GpuLane : std::uint8_t { kMain, kBeside };

class GpuDevice {
 public:
  virtual ~GpuDevice() = default;

  virtual const GpuFacts& facts() const = 0;
  virtual LauncherTable launchers() const = 0;

  virtual std::int64_t free_bytes() const = 0;
  /// Aligned to 256 bytes, the device's until it goes.
  virtual std::byte* allocate(std::int64_t bytes) = 0;
  /// From memory of the host; done when it returns.
  virtual void upload(std::span<const std::byte> from, std::byte* to) = 0;
  /// Fills `to` with what `from` holds, over and over; done when it returns.
  virtual void repeat(const std::byte* from, std::int64_t period, std::byte* to,
                      std::int64_t bytes) = 0;

  virtual void launch(GpuLane lane, const Launch& launch) = 0;
  /// Leaves nothing of what kernels work on in the last cache.
  virtual void flush_cache(GpuLane lane) = 0;
  /// y += x for `bytes` of fp32 each, `passes` times over, by `blocks` blocks that each keep an SM
  /// to themselves: what the reduction of a collective takes of the chip.
  virtual void reduce(GpuLane lane, int blocks, const std::byte* x, std::byte* y,
                      std::int64_t bytes, int passes) = 0;
  /// y = x in the same way, into memory of the first of its peers instead of y where it has one:
  /// what NCCL's sends and receives take, whose channels are blocks that copy.
  virtual void move(GpuLane lane, int blocks, const std::byte* x, std::byte* y, std::int64_t bytes,
                    int passes) = 0;
  /// By the copy engines, `passes` times over: within the GPU, from it to the host, and to the
  /// first of its peers.
  virtual void copy(GpuLane lane, const std::byte* from, std::byte* to, std::int64_t bytes,
                    int passes) = 0;
  virtual void copy_to_host(GpuLane lane, const std::byte* from, std::int64_t bytes,
                            int passes) = 0;
  virtual void copy_to_peer(GpuLane lane, const std::byte* from, std::int64_t bytes,
                            int passes) = 0;

  /// A moment in a lane; all of them are forgotten by forget_marks().
  using Mark = std::size_t;
  virtual Mark mark(GpuLane lane) = 0;
  /// What is issued to `lane` from now on starts after the mark.
  virtual void hold(GpuLane lane, Mark mark) = 0;
  /// The host waits for both lanes.
  virtual void wait() = 0;
  /// From one mark to another, both of work that was waited for; negative when `to` came first.
  virtual double seconds(Mark from, Mark to) const = 0;
  virtual void forget_marks() = 0;
};

}  // namespace stepcast
