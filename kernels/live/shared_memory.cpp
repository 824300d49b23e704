#include "kernels/live/shared_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

[[noreturn]] void refuse(const char* call, std::size_t bytes) {
  throw Error(ErrorKind::kIo, "shared memory of " + std::to_string(bytes) + " bytes: " + call +
                                  ": " + std::strerror(errno));
}

}  // namespace

SharedMemory::SharedMemory(std::size_t bytes, Pages pages) : size_(bytes) {
  const int file = ::memfd_create("stepcast", MFD_CLOEXEC);
  if (file < 0) refuse("memfd_create", bytes);
  if (::ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    ::close(file);
    refuse("ftruncate", bytes);
  }
  const int flags = MAP_SHARED | (pages == Pages::kNow ? MAP_POPULATE : MAP_NORESERVE);
  void* mapped = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  ::close(file);
  if (mapped == MAP_FAILED) refuse("mmap", bytes);
  data_ = static_cast<std::byte*>(mapped);
}

SharedMemory::~SharedMemory() { ::munmap(data_, size_); }

void SharedMemory::map_all_pages() const {
#ifdef MADV_POPULATE_WRITE
  // Older kernels (before 5.14) refuse, and the first touches cost a fault each.
  (void)::madvise(data_, size_, MADV_POPULATE_WRITE);
#endif
}

}  // namespace stepcast
