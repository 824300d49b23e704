#include "kernels/cuda/device_buffer.h"

#include <utility>

#include "kernels/cuda/check.h"

namespace stepcast {

DeviceMemory::DeviceMemory(std::size_t bytes) : size_(bytes) {
  if (bytes > 0) check_cuda(cudaMalloc(reinterpret_cast<void**>(&data_), bytes));
}

DeviceMemory::~DeviceMemory() {
  if (data_ != nullptr) (void)cudaFree(data_);
}

DeviceMemory::DeviceMemory(DeviceMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

DeviceMemory& DeviceMemory::operator=(DeviceMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MemoryRoom memory_room() {
  MemoryRoom room;
  check_cuda(cudaMemGetInfo(&room.free, &room.total));
  return room;
}

PinnedMemory::PinnedMemory(std::size_t bytes) : size_(bytes) {
  if (bytes > 0) check_cuda(cudaMallocHost(reinterpret_cast<void**>(&data_), bytes));
}

PinnedMemory::~PinnedMemory() {
  if (data_ != nullptr) (void)cudaFreeHost(data_);
}

PinnedMemory::PinnedMemory(PinnedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

PinnedMemory& PinnedMemory::operator=(PinnedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void copy_bytes(const void* from, void* to, std::size_t bytes, StreamHandle stream) {
  if (bytes > 0) check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDefault, stream));
}

void copy_to_peer(const void* from, int from_device, void* to, int to_device, std::size_t bytes,
                  StreamHandle stream) {
  if (bytes > 0) check_cuda(cudaMemcpyPeerAsync(to, to_device, from, from_device, bytes, stream));
}

void fill_zero(void* to, std::size_t bytes, StreamHandle stream) {
  if (bytes > 0) check_cuda(cudaMemsetAsync(to, 0, bytes, stream));
}

}  // namespace stepcast
