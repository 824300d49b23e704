// A core as a device: what a rank shows while the machine gives it memory.
#include "kernels/live/cpu_device.h"

#include <gtest/gtest.h>

#include "kernels/live/cpu_launchers.h"
#include "kernels/live/process_facts.h"

namespace stepcast {
namespace {

/// Counts signs of life.
class WatchedRank final : public RankContext {
 public:
  int rank() const override { return 0; }
  int ranks() const override { return 1; }
  std::unique_ptr<Communicator> communicator(std::vector<int>, std::uint32_t) override {
    return nullptr;
  }
  void begin_operation(std::string_view what) override {
    EXPECT_EQ(what, "taking memory");
    ++signs;
  }
  void keep(std::span<const std::byte>) override {}

  int signs = 0;
};

TEST(CpuDevice, ShowsSignsOfLifeWhileItTakesMuchMemory) {
  WatchedRank rank;
  const CpuPlatform cores(reference_launchers());
  const std::unique_ptr<LiveDevice> device = cores.device(rank);
  const DeviceBlock block = device->allocate(Bytes(std::int64_t{200} << 20));
  EXPECT_EQ(rank.signs, 4);  // of 64 MiB, the last of 8
  EXPECT_EQ(block.get()[(std::size_t{200} << 20) - 1], std::byte{0});
}

TEST(ProcessFacts, MachineHasMemoryLeft) {
  const std::optional<HostMemory> memory = host_memory();
  ASSERT_TRUE(memory.has_value());
  EXPECT_GT(memory->left, Bytes(0));
  EXPECT_LT(memory->left, memory->total);
}

}  // namespace
}  // namespace stepcast
