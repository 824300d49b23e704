#include "sim/program/split_by_device.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

Job two_stages_of_two() {
  Job job;
  job.programs.resize(2);
  job.programs[0].name = "stage 0 of 2";
  job.programs[1].name = "stage 1 of 2";
  job.ranks.resize(4);
  for (std::uint32_t rank = 0; rank < 4; ++rank) job.ranks[rank].program = rank / 2;
  return job;
}

TEST(SplitByDevice, AProgramForEachDeviceThatRunsIt) {
  const std::uint32_t devices[] = {0, 0, 0, 1};
  const std::string names[] = {"A", "B"};
  const Job job = split_by_device(two_stages_of_two(), devices, names);
  ASSERT_EQ(job.programs.size(), 3u);
  EXPECT_EQ(job.programs[0].name, "stage 0 of 2 on A");
  EXPECT_EQ(job.programs[1].name, "stage 1 of 2 on A");
  EXPECT_EQ(job.programs[2].name, "stage 1 of 2 on B");
  EXPECT_EQ(job.programs[2].device, 1u);
  const std::uint32_t expected[] = {0, 0, 1, 2};
  for (std::size_t rank = 0; rank < 4; ++rank)
    EXPECT_EQ(job.ranks[rank].program, expected[rank]) << rank;
}

}  // namespace
}  // namespace stepcast
