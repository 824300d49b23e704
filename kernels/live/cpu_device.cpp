#include "kernels/live/cpu_device.h"

#include <sys/mman.h>

#include <algorithm>
#include <string>

#include "kernels/live/core_clock.h"
#include "sim/base/error.h"
#include "sim/base/quantity_text.h"

namespace stepcast {

DeviceBlock CpuDevice::allocate(Bytes size) {
  const auto bytes = static_cast<std::size_t>(std::max<std::int64_t>(size.value(), 1));
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    throw Error(ErrorKind::kInfeasible,
                "this machine gives no " + to_text(size) + "; use a smaller model or batch");
  DeviceBlock block(static_cast<std::byte*>(memory),
                    [bytes](std::byte* begin) { munmap(begin, bytes); });
  touch_all_pages(block.get(), bytes);
  return block;
}

/// So that no step pays for first use. A virtual machine that gets its memory from the host bit by
/// bit may take a minute for 10 GiB.
void CpuDevice::touch_all_pages(std::byte* memory, std::size_t bytes) const {
  constexpr std::size_t kPage = 4096, kPiece = std::size_t{64} << 20;
  for (std::size_t at = 0; at < bytes; at += kPage) {
    if (context_ != nullptr && at % kPiece == 0) context_->begin_operation("taking memory");
    memory[at] = std::byte{0};
  }
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
