// Blocks of CUDA threads on one CPU thread: the blocks of a launch run one after the other, the
// threads of a block are fibers that run until they wait for each other.
//
// What a GPU leaves undefined is an error here, or gives wrong numbers that tests see: threads that
// miss a barrier or a warp exchange (InternalError names the block), shared memory that nobody
// wrote (NaN), and orders of threads: they run first to last, last to first, or shuffled, in turn
// from launch to launch, so a missing barrier changes results.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace stepcast::emulation {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};

/// Where the thread that is running stands.
struct ThisThread {
  Index thread, block, block_size, grid_size;
};
ThisThread& this_thread();
/// In its warp.
int lane();

/// __syncthreads, and those that count votes.
void wait_for_block();
bool any_of_block(bool vote);
int count_of_block(bool vote);

/// Leaves `word` for the other lanes of the mask and returns what they left, by lane, once all have
/// come. Good until the next exchange of this warp.
const std::uint64_t* exchange(unsigned mask, std::uint64_t word);

/// The same for up to 64 bytes: `all` gets those of the 32 lanes.
void exchange_bytes(const void* own, std::size_t bytes, void* all);

/// Asynchronous copies of this thread (zeros from nullptr). In every other launch they arrive at
/// once, in the others when they are waited for: all groups but the last `open`, where
/// close_copies() ends a group.
void begin_copy(void* to, const void* from, std::size_t bytes);
void close_copies();
void finish_copies(std::size_t open);

/// Of the block that is running; filled with NaN when it began.
std::byte* dynamic_shared();

/// Runs `body` once per thread of every block. Throws what `body` throws.
void run_grid(const Index& grid, const Index& block, std::size_t shared,
              const std::function<void()>& body);

}  // namespace stepcast::emulation
