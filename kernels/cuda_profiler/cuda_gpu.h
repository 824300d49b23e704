// GpuDevice on CUDA: a stream for each lane, events as marks, and the kernels of kernels/ops/.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "kernels/cuda/device_buffer.h"
#include "kernels/cuda/stream.h"
#include "kernels/gpu_profiler/gpu_device.h"
#include "kernels/gpu_profiler/profiler_module.h"
#include "kernels/ops/device_context.h"

namespace stepcast {

/// No context is made on any GPU.
GpuPresence cuda_presence();
std::string cuda_bus_id(int number);

class CudaGpu final : public GpuDevice {
 public:
  /// Becomes the current device of the calling thread, the only one that uses this object.
  /// `libraries`: their versions, for facts().
  CudaGpu(int number, const std::vector<std::pair<std::string, std::string>>& libraries);
  ~CudaGpu() override;

  const GpuFacts& facts() const override { return facts_; }
  LauncherTable launchers() const override;
  std::int64_t free_bytes() const override;
  std::byte* allocate(std::int64_t bytes) override;
  void upload(std::span<const std::byte> from, std::byte* to) override;
  void repeat(const std::byte* from, std::int64_t period, std::byte* to,
              std::int64_t bytes) override;
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
  double seconds(Mark from, Mark to) const override;
  void forget_marks() override { num_marks_ = 0; }

 private:
  /// Made current before any member that lives on it.
  struct Current {
    explicit Current(int device);
    int number;
  };
  struct Lane {
    DeviceStream stream;
    std::unique_ptr<DeviceContext> context;
  };
  /// Of the first peer, at least so many bytes.
  std::byte* peer_memory(std::size_t bytes);
  Lane& at(GpuLane lane) { return lanes_[static_cast<std::size_t>(lane)]; }

  Current current_;
  GpuFacts facts_;
  std::size_t shared_of_sm_ = 0;  ///< bytes that one block can have
  std::vector<int> peers_;        ///< numbers; copies go to the first
  std::array<Lane, 2> lanes_;
  std::vector<DeviceMemory> memory_;
  DeviceMemory other_lines_;  ///< what flush_cache() reads
  DeviceMemory sum_;
  PinnedMemory host_;
  DeviceMemory peer_memory_;
  std::vector<DeviceEvent> marks_;  ///< the first num_marks_ are set
  std::size_t num_marks_ = 0;
};

}  // namespace stepcast
