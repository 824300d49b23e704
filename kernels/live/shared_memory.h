// Memory that processes share after a fork. It has no name (memfd), so nothing can be left behind
// whoever dies: the kernel frees it with the last process that maps it.
#pragma once

#include <cstddef>

namespace stepcast {

class SharedMemory {
 public:
  enum class Pages : bool {
    kNow,      ///< every page exists at once: nothing is allocated while a step is timed
    kOnTouch,  ///< pages come as they are touched; the size is address space only
  };

  /// Zeroed, page-aligned. Throws Error(kIo) when the system gives no memory.
  SharedMemory(std::size_t bytes, Pages pages);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

  /// Puts all pages into the page table of this process, which a fork leaves out for shared memory.
  void map_all_pages() const;

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace stepcast
