// Memory of the device, and memory of the host that the device copies from and to without a detour.
// Owners, not views: they are moved, never copied, and free what they hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda/stream.h"

namespace stepcast {

/// Bytes on the device that is current when it is made; aligned to 256. Throws Error(kInfeasible)
/// when the device has not that much left.
class DeviceMemory {
 public:
  DeviceMemory() = default;
  explicit DeviceMemory(std::size_t bytes);
  ~DeviceMemory();
  DeviceMemory(DeviceMemory&& other) noexcept;
  DeviceMemory& operator=(DeviceMemory&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Of the current device.
struct MemoryRoom {
  std::size_t free = 0, total = 0;  ///< bytes
};
MemoryRoom memory_room();

/// Page-locked bytes of the host.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  explicit PinnedMemory(std::size_t bytes);
  ~PinnedMemory();
  PinnedMemory(PinnedMemory&& other) noexcept;
  PinnedMemory& operator=(PinnedMemory&& other) noexcept;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

/// Copies between any two of device and host, in the order of the stream. Host memory that is not
/// page-locked is read before the call returns; what comes back to it is there after
/// stream.synchronize().
void copy_bytes(const void* from, void* to, std::size_t bytes, StreamHandle stream);
/// Between two devices, over their link where they have peer access.
void copy_to_peer(const void* from, int from_device, void* to, int to_device, std::size_t bytes,
                  StreamHandle stream);
void fill_zero(void* to, std::size_t bytes, StreamHandle stream);

/// Elements on the device. Moving values in and out waits for the device: for set-up and tests.
template <typename T>
class DeviceArray {
 public:
  DeviceArray() = default;
  explicit DeviceArray(std::size_t count) : memory_(count * sizeof(T)), count_(count) {}
  explicit DeviceArray(const std::vector<T>& values) : DeviceArray(values.size()) {
    copy_bytes(values.data(), data(), count_ * sizeof(T), nullptr);
    synchronize_device();
  }

  T* data() const { return reinterpret_cast<T*>(memory_.data()); }
  std::size_t size() const { return count_; }
  std::vector<T> values() const {
    std::vector<T> result(count_);
    synchronize_device();
    copy_bytes(data(), result.data(), count_ * sizeof(T), nullptr);
    synchronize_device();
    return result;
  }

 private:
  DeviceMemory memory_;
  std::size_t count_ = 0;
};

}  // namespace stepcast
