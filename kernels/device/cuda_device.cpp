#include "kernels/device/cuda_device.h"

#include <string>

#include "kernels/device/cuda_launchers.h"
#include "kernels/live/core_clock.h"
#include "sim/base/error.h"
#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

/// Waiting shows what earlier work did wrong.
template <typename Wait>
void wait_for_work(Wait wait) {
  try {
    wait();
  } catch (const Error& error) {
    throw Error(error.kind(),
                std::string(error.what()) +
                    "; an op that was issued before did it: CUDA_LAUNCH_BLOCKING=1 in the "
                    "environment makes the op at fault report it");
  }
}

}  // namespace

CudaDevice::CudaDevice(int number) : current_(number) {}

CudaDevice::~CudaDevice() = default;

LauncherTable CudaDevice::launchers() const { return cuda_launchers(); }

DeviceBlock CudaDevice::allocate(Bytes size) {
  const auto bytes = static_cast<std::size_t>(size.value());
  if (const MemoryRoom room = memory_room(); bytes > room.free)
    throw Error(ErrorKind::kInfeasible, "GPU " + std::to_string(current_.number) + " has " +
                                            to_text(Bytes(static_cast<std::int64_t>(room.free))) +
                                            " of its " +
                                            to_text(Bytes(static_cast<std::int64_t>(room.total))) +
                                            " free, and the rank's tensors need " + to_text(size) +
                                            "; use a smaller model or batch, or recompute");
  auto memory = std::make_shared<DeviceMemory>(bytes);
  return {memory->data(), [memory](std::byte*) mutable { memory.reset(); }};
}

DeviceBlock CudaDevice::allocate_host(Bytes size) {
  auto memory = std::make_shared<PinnedMemory>(static_cast<std::size_t>(size.value()));
  return {memory->data(), [memory](std::byte*) mutable { memory.reset(); }};
}

void CudaDevice::write(std::span<const std::byte> from, std::byte* to) {
  copy_bytes(from.data(), to, from.size(), copies_.handle());
  wait_for_work([&] { copies_.synchronize(); });
}

void CudaDevice::read(const std::byte* from, std::span<std::byte> to) const {
  copy_bytes(from, to.data(), to.size(), copies_.handle());
  wait_for_work([&] { copies_.synchronize(); });
}

DeviceContext& CudaDevice::context_of(Stream stream) {
  std::unique_ptr<DeviceContext>& context = contexts_[static_cast<std::size_t>(stream)];
  if (!context) context = std::make_unique<DeviceContext>(handle(stream));
  return *context;
}

void CudaDevice::launch(Stream stream, const Launch& launch) {
  Launch here = launch;
  here.device = &context_of(stream);
  launchers()[static_cast<std::size_t>(launch.kernel.kind)](here);
}

void CudaDevice::zero(Stream stream, std::span<std::byte> memory) {
  fill_zero(memory.data(), memory.size(), handle(stream));
}

void CudaDevice::mark(Stream stream, Mark mark) {
  while (marks_.size() <= mark) marks_.emplace_back(DeviceEvent::Timing::kNo);
  marks_[mark].record(handle(stream));
}

void CudaDevice::hold(Stream stream, Mark mark) { marks_.at(mark).hold(handle(stream)); }

void CudaDevice::wait(Stream stream) {
  wait_for_work([&] { of(stream).synchronize(); });
}

void CudaDevice::wait_for_all() {
  wait_for_work([&] {
    for (const DeviceStream& stream : streams_) stream.synchronize();
  });
}

void CudaDevice::begin_stamps() {
  num_stamps_ = 0;
  base_.record(handle(Stream::kCompute));
  wait_for_work([&] { base_.synchronize(); });
  base_seconds_ = wall_seconds();
}

Stamp CudaDevice::stamp(Stream stream) {
  if (num_stamps_ == stamps_.size()) stamps_.emplace_back(DeviceEvent::Timing::kYes);
  stamps_[num_stamps_].record(handle(stream));
  return num_stamps_++;
}

double CudaDevice::seconds(Stamp stamp) const {
  const DeviceEvent& event = stamps_[stamp];
  return event.reached() ? base_seconds_ + elapsed(base_, event).value() : 0;
}

}  // namespace stepcast
