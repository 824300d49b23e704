// The emulation does what the CUDA C++ Programming Guide says of blocks and warps, and reports what
// a GPU leaves undefined.
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <vector>

#include "kernels/ops/launch.h"
#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

__global__ void reverse(int n, const int* from, int* to) {
  __shared__ int kept[256];
  const int i = static_cast<int>(threadIdx.x);
  kept[i] = from[i];
  __syncthreads();
  to[i] = kept[n - 1 - i];
}

TEST(EmulatedBlock, ABarrierMakesSharedMemoryVisible) {
  std::vector<int> from(200), to(200);
  for (int i = 0; i < 200; ++i) from[static_cast<std::size_t>(i)] = i;
  for (int order = 0; order < 3; ++order) {
    launch(reverse, dim3(1), dim3(200), 0, nullptr, 200, from.data(), to.data());
    EXPECT_EQ(to, std::vector<int>(from.rbegin(), from.rend()));
  }
}

__global__ void reverse_without_barrier(int n, const int* from, int* to) {
  int* kept = reinterpret_cast<int*>(dynamic_shared());
  const int i = static_cast<int>(threadIdx.x);
  kept[i] = from[i];
  to[i] = kept[n - 1 - i];
}

TEST(EmulatedBlock, AMissingBarrierGivesWrongNumbersInEveryOrder) {
  const std::vector<int> from(64, 5);
  std::vector<int> to(64);
  for (int order = 0; order < 3; ++order) {
    launch(reverse_without_barrier, dim3(1), dim3(64), 64 * sizeof(int), nullptr, 64, from.data(),
           to.data());
    EXPECT_NE(to, from);
  }
}

__global__ void sum_lanes(int* sums) {
  int value = static_cast<int>(threadIdx.x);
  for (int lanes = 16; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  sums[threadIdx.x] = value;
}

// 0 + ... + 31 = 496; 32 more each in the second warp: 496 + 32 * 32.
TEST(EmulatedWarp, LanesExchangeWordsWithinTheirWarp) {
  std::vector<int> sums(64);
  launch(sum_lanes, dim3(1), dim3(64), 0, nullptr, sums.data());
  EXPECT_EQ(sums.front(), 496);
  EXPECT_EQ(sums.back(), 1520);
}

__global__ void votes(unsigned* ballots, int* counts) {
  ballots[threadIdx.x] = __ballot_sync(kAllLanes, threadIdx.x % 32 < 4);
  counts[threadIdx.x] = __syncthreads_count(threadIdx.x % 2 == 0);
}

TEST(EmulatedWarp, BallotsAndCountsSeeEveryVote) {
  std::vector<unsigned> ballots(64);
  std::vector<int> counts(64);
  launch(votes, dim3(1), dim3(64), 0, nullptr, ballots.data(), counts.data());
  EXPECT_EQ(ballots, std::vector<unsigned>(64, 0xf));
  EXPECT_EQ(counts, std::vector<int>(64, 32));
}

__global__ void count_all(int* count) { atomicAdd(count, 1); }

TEST(EmulatedGrid, EveryThreadOfEveryBlockRunsOnce) {
  int count = 0;
  launch(count_all, dim3(3, 2, 2), dim3(4, 3), 0, nullptr, &count);
  EXPECT_EQ(count, 3 * 2 * 2 * 4 * 3);
}

__global__ void half_waits() {
  if (threadIdx.x < 16) __syncthreads();
}

TEST(EmulatedBlock, ThreadsThatMissABarrierAreAnError) {
  EXPECT_THROW(launch(half_waits, dim3(1), dim3(32), 0, nullptr), InternalError);
  // The next launch is not disturbed.
  int count = 0;
  launch(count_all, dim3(1), dim3(32), 0, nullptr, &count);
  EXPECT_EQ(count, 32);
}

}  // namespace
}  // namespace stepcast::cuda
