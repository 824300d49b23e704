#include "kernels/profiler/kept_models.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

constexpr auto kFp32 = static_cast<std::size_t>(Dtype::kFp32);
constexpr auto kBf16 = static_cast<std::size_t>(Dtype::kBf16);

TEST(KeptModels, WhatNewTimingsSayNothingOfStays) {
  DeviceProfile earlier, profile;
  earlier.gemm[kFp32].emplace().efficiency = 0.5;
  earlier.gemm[kBf16].emplace().efficiency = 0.6;
  earlier.attention[kFp32].emplace_back().s0 = 7;
  earlier.memory_kernels = {
      {.kind = KernelKind::kCopy, .sizes = {Bytes(1), Bytes(2)}, .times = {Seconds(1), Seconds(2)}},
      {.kind = KernelKind::kAdam, .sizes = {Bytes(1)}, .times = {Seconds(3)}},
      {.kind = KernelKind::kSgd, .efficiency = 0.9}};
  profile.gemm[kFp32].emplace().efficiency = 0.8;
  profile.memory_kernels = {
      {.kind = KernelKind::kCopy, .sizes = {Bytes(8)}, .times = {Seconds(8)}},
      {.kind = KernelKind::kAdam, .sizes = {Bytes(9)}, .times = {Seconds(9)}}};

  earlier.memory_overhead = Seconds(0.5);
  profile.memory_overhead = Seconds(4);

  EXPECT_EQ(keep_models(earlier, profile), "gemm bf16, attention fp32, 2 memory-bound");
  EXPECT_EQ(profile.gemm[kFp32]->efficiency, 0.8);
  EXPECT_EQ(profile.gemm[kBf16]->efficiency, 0.6);
  EXPECT_EQ(profile.attention[kFp32].at(0).s0, 7);
  ASSERT_EQ(profile.memory_kernels.size(), 3u);
  EXPECT_EQ(profile.memory_kernels[0].sizes.size(), 2u);         // knows more sizes
  EXPECT_EQ(profile.memory_kernels[1].times.at(0), Seconds(9));  // as many: the new ones
  EXPECT_EQ(profile.memory_kernels[2].kind, KernelKind::kSgd);
  EXPECT_EQ(profile.memory_overhead, Seconds(0.5)) << "kept times may be shorter than new ones";
}

TEST(KeptModels, NothingIsTakenFromAProfileThatKnowsNoMore) {
  DeviceProfile earlier, profile;
  profile.gemm[kFp32].emplace();
  EXPECT_EQ(keep_models(earlier, profile), "");
  EXPECT_TRUE(profile.memory_kernels.empty());
}

}  // namespace
}  // namespace stepcast
