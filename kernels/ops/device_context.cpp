#include "kernels/ops/device_context.h"

#include <algorithm>

#include "kernels/cuda/check.h"

namespace stepcast {

DeviceFacts device_facts() {
  int device = 0;
  check_cuda(cudaGetDevice(&device));
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    check_cuda(cudaDeviceGetAttribute(&value, which, device));
    return value;
  };
  return {.multiprocessors = attribute(cudaDevAttrMultiProcessorCount),
          .major = attribute(cudaDevAttrComputeCapabilityMajor),
          .minor = attribute(cudaDevAttrComputeCapabilityMinor)};
}

std::byte* DeviceContext::scratch(std::size_t bytes, ScratchUse use) {
  DeviceMemory& memory = scratch_[static_cast<std::size_t>(use)];
  if (bytes > memory.size()) {
    // Kernels that were issued before may still use what is given back here.
    check_cuda(cudaStreamSynchronize(stream_));
    memory = DeviceMemory();
    memory = DeviceMemory(std::max(bytes, std::size_t{1} << 20));
  }
  return memory.data();
}

std::shared_ptr<void>& DeviceContext::library_of(const void* key) {
  const auto found = std::find_if(libraries_.begin(), libraries_.end(),
                                  [&](const auto& one) { return one.first == key; });
  if (found != libraries_.end()) return found->second;
  return libraries_.emplace_back(key, nullptr).second;
}

}  // namespace stepcast
