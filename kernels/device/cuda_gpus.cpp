#include "kernels/device/cuda_gpus.h"

#include "kernels/cuda/check.h"
#include "kernels/cuda/device_buffer.h"
#include "sim/base/error.h"

namespace stepcast {

std::vector<GpuState> cuda_gpus() {
  if (const std::string why = why_no_device(); !why.empty())
    throw Error(ErrorKind::kUnsupported, why);
  std::vector<GpuState> gpus;
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count));
  for (int number = 0; number < count; ++number) {
    use_device(number);
    const MemoryRoom room = memory_room();
    gpus.push_back({.name = device_name(number),
                    .free = Bytes(static_cast<std::int64_t>(room.free)),
                    .total = Bytes(static_cast<std::int64_t>(room.total))});
  }
  return gpus;
}

}  // namespace stepcast
