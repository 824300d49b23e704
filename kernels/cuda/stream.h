// Streams of a device, and events in them (a program has its own, sim/program/program.h). Nothing
// here includes CUDA, so that headers of kernels can name a stream without it.
#pragma once

#include <utility>

#include "sim/base/quantity.h"

struct CUstream_st;
struct CUevent_st;

namespace stepcast {

/// cudaStream_t. nullptr is the stream that all others wait for.
using StreamHandle = CUstream_st*;
/// cudaEvent_t.
using EventHandle = CUevent_st*;

/// Makes a device the current one of this thread. Throws as check_cuda() where there is none.
void use_device(int number);

/// Waits until the current device has done everything that was issued to it.
void synchronize_device();

/// A stream of the device that is current when it is made; it does not wait for the null stream.
class DeviceStream {
 public:
  DeviceStream();
  ~DeviceStream();
  DeviceStream(DeviceStream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  DeviceStream& operator=(DeviceStream&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  StreamHandle handle() const { return handle_; }
  /// Waits until all that was issued to it is done. Throws what kernels inside it did wrong.
  void synchronize() const;

 private:
  StreamHandle handle_ = nullptr;
};

/// A mark in a stream.
class DeviceEvent {
 public:
  enum class Timing : bool { kNo, kYes };
  explicit DeviceEvent(Timing timing = Timing::kYes);
  ~DeviceEvent();
  DeviceEvent(DeviceEvent&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  DeviceEvent& operator=(DeviceEvent&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }

  EventHandle handle() const { return handle_; }
  void record(StreamHandle stream) const;
  /// What is issued to `stream` from now on starts after the mark, as last recorded.
  void hold(StreamHandle stream) const;
  /// The host waits for the mark.
  void synchronize() const;
  bool reached() const;

 private:
  EventHandle handle_ = nullptr;
};

/// Between two marks that have been reached; both have timing. Resolution about half a microsecond
/// [CUDA Runtime API, cudaEventElapsedTime].
Seconds elapsed(const DeviceEvent& from, const DeviceEvent& to);

}  // namespace stepcast
