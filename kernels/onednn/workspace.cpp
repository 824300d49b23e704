#include "kernels/onednn/workspace.h"

#include <omp.h>

#include <array>
#include <memory>
#include <new>

namespace stepcast::onednn {
namespace {

constexpr std::align_val_t kAlignment{64};

struct AlignedDelete {
  void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
};

struct Block {
  std::unique_ptr<std::byte, AlignedDelete> memory;
  std::size_t bytes = 0;
};

dnnl::stream make_stream() {
  omp_set_num_threads(1);
  return dnnl::stream(cpu_engine());
}

}  // namespace

std::byte* workspace(Place place, std::size_t bytes) {
  thread_local std::array<Block, kNumPlaces> blocks;
  Block& own = blocks[static_cast<std::size_t>(place)];
  if (own.bytes < bytes) {
    own.memory.reset(static_cast<std::byte*>(::operator new(bytes, kAlignment)));
    own.bytes = bytes;
  }
  return own.memory.get();
}

const dnnl::engine& cpu_engine() {
  static const dnnl::engine kEngine(dnnl::engine::kind::cpu, 0);
  return kEngine;
}

dnnl::stream& own_stream() {
  thread_local dnnl::stream stream = make_stream();
  return stream;
}

}  // namespace stepcast::onednn
