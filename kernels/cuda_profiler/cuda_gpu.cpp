#include "kernels/cuda_profiler/cuda_gpu.h"

#include <algorithm>

#include "kernels/cuda/check.h"
#include "kernels/cuda_profiler/occupying_reduction.h"
#include "kernels/device/cuda_launchers.h"
#include "kernels/ops/optimizer.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

int attribute(cudaDeviceAttr which, int device) {
  int value = 0;
  check_cuda(cudaDeviceGetAttribute(&value, which, device));
  return value;
}

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/// The other GPUs that this one reaches without the host.
std::vector<int> peers_of(int number, int gpus) {
  std::vector<int> peers;
  for (int other = 0; other < gpus; ++other) {
    if (other == number) continue;
    int reaches = 0;
    check_cuda(cudaDeviceCanAccessPeer(&reaches, number, other));
    if (reaches != 0) peers.push_back(other);
  }
  return peers;
}

}  // namespace

GpuPresence cuda_presence() {
  GpuPresence presence;
  (void)cudaDriverGetVersion(&presence.driver);
  check_cuda(cudaRuntimeGetVersion(&presence.runtime));
  const cudaError_t status = cudaGetDeviceCount(&presence.gpus);
  (void)cudaGetLastError();
  if (status == cudaSuccess) return presence;
  presence.gpus = 0;
  presence.error = cudaGetErrorString(status);
  return presence;
}

std::string cuda_bus_id(int number) {
  std::array<char, 32> text{};
  check_cuda(cudaDeviceGetPCIBusId(text.data(), static_cast<int>(text.size()), number));
  return text.data();
}

CudaGpu::Current::Current(int device) : number(device) { use_device(device); }

CudaGpu::CudaGpu(int number, const std::vector<std::pair<std::string, std::string>>& libraries)
    : current_(number) {
  const GpuPresence presence = cuda_presence();
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, number));
  facts_.name = properties.name;
  facts_.bus_id = cuda_bus_id(number);
  facts_.num_sms = attribute(cudaDevAttrMultiProcessorCount, number);
  facts_.major = attribute(cudaDevAttrComputeCapabilityMajor, number);
  facts_.minor = attribute(cudaDevAttrComputeCapabilityMinor, number);
  facts_.l2_bytes = attribute(cudaDevAttrL2CacheSize, number);
  facts_.memory_bytes = static_cast<std::int64_t>(memory_room().total);
  facts_.versions = {{"cuda_driver", version_text(presence.driver)},
                     {"cuda", version_text(presence.runtime)}};
  facts_.versions.insert(facts_.versions.end(), libraries.begin(), libraries.end());
  shared_of_sm_ =
      static_cast<std::size_t>(attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin, number));
  peers_ = peers_of(number, presence.gpus);
  facts_.peers = static_cast<int>(peers_.size());
  for (Lane& lane : lanes_) lane.context = std::make_unique<DeviceContext>(lane.stream.handle());
  other_lines_ =
      DeviceMemory(static_cast<std::size_t>(std::max<std::int64_t>(2 * facts_.l2_bytes, 1 << 20)));
  fill_zero(other_lines_.data(), other_lines_.size(), lanes_[0].stream.handle());
  sum_ = DeviceMemory(sizeof(double));
  wait();
}

// What is issued may still use the memory that goes now; what fails here has failed before.
CudaGpu::~CudaGpu() { (void)cudaDeviceSynchronize(); }

LauncherTable CudaGpu::launchers() const { return cuda_launchers(); }

std::int64_t CudaGpu::free_bytes() const { return static_cast<std::int64_t>(memory_room().free); }

std::byte* CudaGpu::allocate(std::int64_t bytes) {
  return memory_.emplace_back(static_cast<std::size_t>(bytes)).data();
}

void CudaGpu::upload(std::span<const std::byte> from, std::byte* to) {
  copy_bytes(from.data(), to, from.size(), lanes_[0].stream.handle());
  lanes_[0].stream.synchronize();
}

void CudaGpu::repeat(const std::byte* from, std::int64_t period, std::byte* to,
                     std::int64_t bytes) {
  for (std::int64_t at = 0; at < bytes; at += period)
    copy_bytes(from, to + at, static_cast<std::size_t>(std::min(period, bytes - at)),
               lanes_[0].stream.handle());
  lanes_[0].stream.synchronize();
}

void CudaGpu::launch(GpuLane lane, const Launch& launch) {
  const Launch here{.kernel = launch.kernel,
                    .arguments = launch.arguments,
                    .operands = launch.operands,
                    .index = launch.index,
                    .adam = launch.adam,
                    .step = launch.step,
                    .device = at(lane).context.get()};
  launchers()[static_cast<std::size_t>(launch.kernel.kind)](here);
}

/// By reading other memory: written lines would have to be written back while a kernel runs.
void CudaGpu::flush_cache(GpuLane lane) {
  cuda::sum_of_squares(static_cast<std::int64_t>(other_lines_.size() / sizeof(float)),
                       reinterpret_cast<const float*>(other_lines_.data()), false,
                       reinterpret_cast<double*>(sum_.data()), *at(lane).context);
}

void CudaGpu::reduce(GpuLane lane, int blocks, const std::byte* x, std::byte* y, std::int64_t bytes,
                     int passes) {
  cuda::occupying_reduction(blocks, bytes / static_cast<std::int64_t>(sizeof(float)),
                            reinterpret_cast<const float*>(x), reinterpret_cast<float*>(y), passes,
                            shared_of_sm_, at(lane).stream.handle());
}

void CudaGpu::move(GpuLane lane, int blocks, const std::byte* x, std::byte* y, std::int64_t bytes,
                   int passes) {
  if (!peers_.empty()) y = peer_memory(static_cast<std::size_t>(bytes));
  cuda::occupying_copy(blocks, bytes / static_cast<std::int64_t>(sizeof(float)),
                       reinterpret_cast<const float*>(x), reinterpret_cast<float*>(y), passes,
                       shared_of_sm_, at(lane).stream.handle());
}

void CudaGpu::copy(GpuLane lane, const std::byte* from, std::byte* to, std::int64_t bytes,
                   int passes) {
  for (int pass = 0; pass < passes; ++pass)
    copy_bytes(from, to, static_cast<std::size_t>(bytes), at(lane).stream.handle());
}

void CudaGpu::copy_to_host(GpuLane lane, const std::byte* from, std::int64_t bytes, int passes) {
  const auto size = static_cast<std::size_t>(bytes);
  if (host_.size() < size) {
    wait();
    host_ = PinnedMemory(size);
  }
  for (int pass = 0; pass < passes; ++pass)
    copy_bytes(from, host_.data(), size, at(lane).stream.handle());
}

void CudaGpu::copy_to_peer(GpuLane lane, const std::byte* from, std::int64_t bytes, int passes) {
  STEPCAST_CHECK(!peers_.empty(), "a copy to a peer where there is none");
  const auto size = static_cast<std::size_t>(bytes);
  std::byte* const to = peer_memory(size);
  for (int pass = 0; pass < passes; ++pass)
    stepcast::copy_to_peer(from, current_.number, to, peers_.front(), size,
                           at(lane).stream.handle());
}

std::byte* CudaGpu::peer_memory(std::size_t bytes) {
  const int peer = peers_.front();
  if (peer_memory_.size() == 0) check_cuda(cudaDeviceEnablePeerAccess(peer, 0));
  if (peer_memory_.size() < bytes) {
    wait();
    use_device(peer);
    peer_memory_ = DeviceMemory(bytes);
    use_device(current_.number);
  }
  return peer_memory_.data();
}

GpuDevice::Mark CudaGpu::mark(GpuLane lane) {
  if (num_marks_ == marks_.size()) marks_.emplace_back(DeviceEvent::Timing::kYes);
  marks_[num_marks_].record(at(lane).stream.handle());
  return num_marks_++;
}

void CudaGpu::hold(GpuLane lane, Mark mark) { marks_[mark].hold(at(lane).stream.handle()); }

void CudaGpu::wait() {
  for (const Lane& lane : lanes_) lane.stream.synchronize();
}

double CudaGpu::seconds(Mark from, Mark to) const {
  return elapsed(marks_[from], marks_[to]).value();
}

}  // namespace stepcast
