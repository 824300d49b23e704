#include "kernels/cuda/stream.h"

#include "kernels/cuda/check.h"

namespace stepcast {

void use_device(int number) { check_cuda(cudaSetDevice(number)); }

void synchronize_device() { check_cuda(cudaDeviceSynchronize()); }

DeviceStream::DeviceStream() {
  check_cuda(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking));
}

// A destructor has no way to report, and what fails here has failed before.
DeviceStream::~DeviceStream() {
  if (handle_ != nullptr) (void)cudaStreamDestroy(handle_);
}

void DeviceStream::synchronize() const { check_cuda(cudaStreamSynchronize(handle_)); }

DeviceEvent::DeviceEvent(Timing timing) {
  const unsigned flags = timing == Timing::kYes ? cudaEventDefault : cudaEventDisableTiming;
  check_cuda(cudaEventCreateWithFlags(&handle_, flags));
}

DeviceEvent::~DeviceEvent() {
  if (handle_ != nullptr) (void)cudaEventDestroy(handle_);
}

void DeviceEvent::record(StreamHandle stream) const {
  check_cuda(cudaEventRecord(handle_, stream));
}

void DeviceEvent::hold(StreamHandle stream) const {
  check_cuda(cudaStreamWaitEvent(stream, handle_, 0));
}

void DeviceEvent::synchronize() const { check_cuda(cudaEventSynchronize(handle_)); }

bool DeviceEvent::reached() const {
  const cudaError_t status = cudaEventQuery(handle_);
  if (status != cudaErrorNotReady) check_cuda(status);
  return status == cudaSuccess;
}

Seconds elapsed(const DeviceEvent& from, const DeviceEvent& to) {
  float milliseconds = 0;
  check_cuda(cudaEventElapsedTime(&milliseconds, from.handle(), to.handle()));
  return Seconds(static_cast<double>(milliseconds) * 1e-3);
}

}  // namespace stepcast
