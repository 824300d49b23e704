#include "kernels/live/cpu_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "kernels/live/core_clock.h"
#include "sim/base/error.h"

namespace stepcast {

DeviceBlock CpuDevice::allocate(Bytes size) {
  const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(size.value(), 1));
  // Populated, so that no step pays for first use.
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED)
    throw Error(ErrorKind::kInfeasible, "this machine gives no " + std::to_string(size.value()) +
                                            " bytes; use a smaller model or batch");
  return {static_cast<std::byte*>(memory), [bytes](std::byte* block) { munmap(block, bytes); }};
}

void CpuDevice::write(std::span<const std::byte> from, std::byte* to) {
  std::ranges::copy(from, to);
}

void CpuDevice::read(const std::byte* from, std::span<std::byte> to) const {
  std::copy_n(from, to.size(), to.begin());
}

void CpuDevice::launch(Stream /*stream*/, const Launch& launch) {
  launchers_[static_cast<std::size_t>(launch.kernel.kind)](launch);
}

void CpuDevice::zero(Stream /*stream*/, std::span<std::byte> memory) {
  std::ranges::fill(memory, std::byte{0});
}

Stamp CpuDevice::stamp(Stream /*stream*/) {
  stamps_.push_back(wall_seconds());
  return static_cast<Stamp>(stamps_.size() - 1);
}

}  // namespace stepcast
