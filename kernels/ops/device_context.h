// What kernels on a GPU work with: the stream, scratch memory, facts of the device, and handles of
// libraries. One per stream; not for two threads at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "kernels/cuda/device_buffer.h"
#include "kernels/cuda/stream.h"

namespace stepcast {

struct DeviceFacts {
  int multiprocessors = 0;
  int major = 0, minor = 0;  ///< compute capability
};
/// Of the current device.
DeviceFacts device_facts();

/// Of scratch memory that can meet in one launch.
enum class ScratchUse : std::uint8_t {
  kKernel,  ///< of the function that is called
  kResult,  ///< of its caller, for results that are added or rounded afterwards
  kSecondResult,
};

class DeviceContext {
 public:
  /// On the current device. The stream outlives the context.
  explicit DeviceContext(StreamHandle stream) : stream_(stream), facts_(device_facts()) {}

  StreamHandle stream() const { return stream_; }
  const DeviceFacts& facts() const { return facts_; }

  /// At least so many bytes, aligned to 256, until the next call with this use: what is issued to
  /// the stream later may overwrite them. Grows when it must, which waits for the device: the first
  /// step of a program pays for it, later ones don't.
  std::byte* scratch(std::size_t bytes, ScratchUse use = ScratchUse::kKernel);
  float* scratch_floats(std::int64_t count, ScratchUse use = ScratchUse::kKernel) {
    return reinterpret_cast<float*>(scratch(static_cast<std::size_t>(count) * sizeof(float), use));
  }

  /// What a library keeps for this stream, made at first use: `Library` is constructed with the
  /// context. One per type (Products of kernels/ops/gemm.h, Convolutions of convolution.h).
  template <typename Library>
  Library& library() {
    static constexpr char kKey = 0;
    std::shared_ptr<void>& found = library_of(&kKey);
    if (!found) found = std::make_shared<Library>(*this);
    return *static_cast<Library*>(found.get());
  }

 private:
  std::shared_ptr<void>& library_of(const void* key);

  StreamHandle stream_;
  DeviceFacts facts_;
  std::array<DeviceMemory, 3> scratch_;  ///< by ScratchUse
  std::vector<std::pair<const void*, std::shared_ptr<void>>> libraries_;
};

}  // namespace stepcast
