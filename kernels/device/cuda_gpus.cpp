#include "kernels/device/cuda_gpus.h"

#include <array>

#include "kernels/cuda/check.h"
#include "kernels/cuda/device_buffer.h"
#include "kernels/device/nccl_exchange.h"
#include "sim/base/error.h"

namespace stepcast {

std::vector<GpuName> cuda_gpus() {
  if (const std::string why = why_no_device(); !why.empty())
    throw Error(ErrorKind::kUnsupported, why);
  std::vector<GpuName> gpus;
  int count = 0;
  check_cuda(cudaGetDeviceCount(&count));
  for (int number = 0; number < count; ++number) {
    std::array<char, 32> bus_id{};
    check_cuda(cudaDeviceGetPCIBusId(bus_id.data(), bus_id.size(), number));
    int num_sms = 0;
    check_cuda(cudaDeviceGetAttribute(&num_sms, cudaDevAttrMultiProcessorCount, number));
    gpus.push_back({.name = device_name(number), .bus_id = bus_id.data(), .num_sms = num_sms});
  }
  return gpus;
}

GpuRoom cuda_room(int gpu) {
  use_device(gpu);
  const MemoryRoom room = memory_room();
  return {.free = Bytes(static_cast<std::int64_t>(room.free)),
          .total = Bytes(static_cast<std::int64_t>(room.total))};
}

std::string cuda_versions() {
  int driver = 0, runtime = 0;
  check_cuda(cudaDriverGetVersion(&driver));
  check_cuda(cudaRuntimeGetVersion(&runtime));
  return "driver for CUDA " + cuda_version_text(driver) + ", CUDA " + cuda_version_text(runtime) +
         ", NCCL " + nccl_version();
}

}  // namespace stepcast
