// A GPU as a device of live runs: a CUDA stream for each stream of the program, an event for each
// mark, and the kernels of kernels/ops/.
//
// A kernel that goes wrong says so at a later call. CUDA_LAUNCH_BLOCKING=1 in the environment makes
// every launch wait for its kernel, so that the op at fault is the one that is reported.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "kernels/cuda/device_buffer.h"
#include "kernels/cuda/stream.h"
#include "kernels/live/live_device.h"

namespace stepcast {

class CudaDevice final : public LiveDevice {
 public:
  /// Becomes the current device of the calling thread, the only one that uses this object.
  explicit CudaDevice(int number);
  ~CudaDevice() override;

  LauncherTable launchers() const override;
  bool asynchronous() const override { return true; }
  bool host_memory() const override { return false; }

  DeviceBlock allocate(Bytes size) override;
  DeviceBlock allocate_host(Bytes size) override;
  void write(std::span<const std::byte> from, std::byte* to) override;
  void read(const std::byte* from, std::span<std::byte> to) const override;

  void launch(Stream stream, const Launch& launch) override;
  void zero(Stream stream, std::span<std::byte> memory) override;
  void mark(Stream stream, Mark mark) override;
  void hold(Stream stream, Mark mark) override;
  void wait(Stream stream) override;
  void wait_for_all() override;

  void begin_stamps() override;
  Stamp stamp(Stream stream) override;
  double seconds(Stamp stamp) const override;

  /// For libraries that issue work themselves (NCCL).
  StreamHandle handle(Stream stream) const { return of(stream).handle(); }

 private:
  const DeviceStream& of(Stream stream) const { return streams_[static_cast<std::size_t>(stream)]; }
  DeviceContext& context_of(Stream stream);

  /// Made current before any member that lives on it.
  struct Current {
    explicit Current(int number) : number(number) { use_device(number); }
    int number;
  };
  Current current_;
  std::array<DeviceStream, kNumStreams> streams_;
  DeviceStream copies_;                                               ///< of write() and read()
  std::array<std::unique_ptr<DeviceContext>, kNumStreams> contexts_;  ///< made at first use
  std::vector<DeviceEvent> marks_;
  std::vector<DeviceEvent> stamps_;  ///< the first num_stamps_ are set
  Stamp num_stamps_ = 0;
  DeviceEvent base_;         ///< a moment of the device, and
  double base_seconds_ = 0;  ///< the same on the host's clock
};

}  // namespace stepcast
