// Streams, and events in them. Nothing here includes CUDA, so that headers of kernels can name a
// stream without it.
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

/// Waits until the current device has done everything that was issued to it.
void synchronize_device();

/// A stream of the device that is current when it is made; it does not wait for the null stream.
class Stream {
 public:
  Stream();
  ~Stream();
  Stream(Stream&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Stream& operator=(Stream&& other) noexcept {
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
class Event {
 public:
  enum class Timing : bool { kNo, kYes };
  explicit Event(Timing timing = Timing::kYes);
  ~Event();
  Event(Event&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Event& operator=(Event&& other) noexcept {
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
Seconds elapsed(const Event& from, const Event& to);

}  // namespace stepcast
