// The core that a rank runs on, as a device: its memory is the host's, and what is issued is done
// when the call returns, on whatever stream it is.
#pragma once

#include <vector>

#include "kernels/live/live_platform.h"

namespace stepcast {

class CpuDevice final : public LiveDevice {
 public:
  /// `context` gets signs of life where the machine takes its time; null: nobody watches.
  explicit CpuDevice(LauncherTable launchers, RankContext* context = nullptr)
      : launchers_(launchers), context_(context) {}

  LauncherTable launchers() const override { return launchers_; }
  bool asynchronous() const override { return false; }
  bool host_memory() const override { return true; }

  DeviceBlock allocate(Bytes size) override;
  DeviceBlock allocate_host(Bytes size) override { return allocate(size); }
  void write(std::span<const std::byte> from, std::byte* to) override;
  void read(const std::byte* from, std::span<std::byte> to) const override;

  void launch(Stream stream, const Launch& launch) override;
  void zero(Stream stream, std::span<std::byte> memory) override;
  void mark(Stream, Mark) override {}
  void hold(Stream, Mark) override {}
  void wait(Stream) override {}
  void wait_for_all() override {}

  void begin_stamps() override { stamps_.clear(); }
  Stamp stamp(Stream stream) override;
  double seconds(Stamp stamp) const override { return stamps_[stamp]; }

 private:
  void touch_all_pages(std::byte* memory, std::size_t bytes) const;

  LauncherTable launchers_;
  RankContext* context_;
  std::vector<double> stamps_;
};

/// Every rank computes on the core that it runs on.
class CpuPlatform final : public LivePlatform {
 public:
  explicit CpuPlatform(LauncherTable launchers) : launchers_(launchers) {}
  LauncherTable launchers() const override { return launchers_; }
  bool on_cores() const override { return true; }
  std::unique_ptr<LiveDevice> device(RankContext& context) const override {
    return std::make_unique<CpuDevice>(launchers_, &context);
  }

 private:
  LauncherTable launchers_;
};

}  // namespace stepcast
