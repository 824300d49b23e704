// What a rank computes on: memory, streams that run what is issued to them in order, marks between
// streams, and the time. The executor issues a program to it and knows no more of devices.
//
// A device may run what is issued long after the call returns, and streams beside each other, as a
// GPU does (kernels/device/cuda_device.h); or at once, as the core does that calls it
// (cpu_device.h). A program's events say what must wait for what; step_plan.h says where memory
// changes hands.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "kernels/live/launch.h"
#include "sim/base/quantity.h"
#include "sim/program/program.h"

namespace stepcast {

/// Memory that is given back when it goes out of scope; no longer than the device.
using DeviceBlock = std::unique_ptr<std::byte, std::function<void(std::byte*)>>;

/// A place in a stream that other streams wait for. Numbers are the caller's, small and dense; one
/// that is set again means its latest place, for whoever waits from then on.
using Mark = std::uint32_t;

/// A moment in a stream that can be asked for once it has passed.
using Stamp = std::uint32_t;

/// Throws what the device reports: Error(kInfeasible) when memory is used up, Error(kUnsupported)
/// for what it has not, Error(kLiveRank) for what went wrong. Work that went wrong may be reported
/// by a later call.
class LiveDevice {
 public:
  virtual ~LiveDevice() = default;

  virtual LauncherTable launchers() const = 0;
  /// False: a call returns when its work is done.
  virtual bool asynchronous() const = 0;
  /// The host may read and write the device's memory where it lies.
  virtual bool host_memory() const = 0;

  /// Aligned to 512 bytes. Nothing is put off until it is first used.
  virtual DeviceBlock allocate(Bytes size) = 0;
  /// Memory of the host that the device copies from and to without a detour.
  virtual DeviceBlock allocate_host(Bytes size) = 0;
  /// Between memory of the host and of the device; both return when it is done. No issued work is
  /// on the same memory.
  virtual void write(std::span<const std::byte> from, std::byte* to) = 0;
  virtual void read(const std::byte* from, std::span<std::byte> to) const = 0;

  /// Issues a kernel. What the launch refers to is copied, but for its kernel, arguments and
  /// settings, which live until the stream is waited for.
  virtual void launch(Stream stream, const Launch& launch) = 0;
  virtual void zero(Stream stream, std::span<std::byte> memory) = 0;
  /// Sets the mark behind what was issued to the stream so far.
  virtual void mark(Stream stream, Mark mark) = 0;
  /// What is issued to the stream from now on starts after the mark, where that is set now.
  virtual void hold(Stream stream, Mark mark) = 0;
  /// The host waits until all that was issued to the stream, or to all streams, has ended.
  virtual void wait(Stream stream) = 0;
  virtual void wait_for_all() = 0;

  /// Forgets the stamps there are. All streams have been waited for.
  virtual void begin_stamps() = 0;
  /// When all that was issued to the stream so far has ended.
  virtual Stamp stamp(Stream stream) = 0;
  /// On the clock of wall_seconds(); the stamp's stream has been waited for.
  virtual double seconds(Stamp stamp) const = 0;
};

}  // namespace stepcast
