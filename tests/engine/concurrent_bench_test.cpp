#include "sim/engine/concurrent_bench.h"

#include <gtest/gtest.h>

#include "tests/topology/clusters.h"

namespace stepcast {
namespace {

using Groups = std::vector<std::vector<std::uint32_t>>;

Groups split(const char* text, std::uint32_t count) {
  std::vector<std::uint32_t> gpus;
  for (std::uint32_t gpu = 0; gpu < count; ++gpu) gpus.push_back(gpu);
  return split_ranks(gpus, parse_rank_split(text));
}

TEST(RankSplit, ReadsWhatNcclTestsReads) {
  const Groups alternating{{0, 2}, {1, 3}}, halves{{0, 1}, {2, 3}};
  for (const char* text : {"MOD 2", "%2", "mod2", "AND 0x1", "& 0b1", "and 1"})
    EXPECT_EQ(split(text, 4), alternating) << text;
  for (const char* text : {"DIV 2", "/2", "OR 0x1", "|1"})
    EXPECT_EQ(split(text, 4), halves) << text;
  EXPECT_EQ(split("AND 0x0", 4), (Groups{{0, 1, 2, 3}}));
  EXPECT_EQ(split("DIV 3", 4), (Groups{{0, 1, 2}, {3}}));
}

TEST(RankSplit, RefusesTheRest) {
  for (const char* text : {"", "8", "MOD", "MOD 0", "/0", "MOD -1", "XOR 3", "AND 0xg", "MOD 8 8"})
    EXPECT_THROW(parse_rank_split(text), Error) << text;
}

/// Nodes of one GPU, two to a leaf, whose uplink is as fast as one NIC: 25 GB/s.
Fabric thin_spine() { return Fabric(rail_cluster(4, 2, 2, 1, 1), 4); }

TEST(ConcurrentBench, GroupsOverOneUplinkGetHalfOfItEach) {
  // 25 MB over a ring of two ranks at 25 GB/s: 1 ms alone, 2 ms when both cross the spine.
  const Fabric fabric = thin_spine();
  for (const BenchOp op : {BenchOp::kAllReduce, BenchOp::kSendRecv}) {
    const ConcurrentBench bench(fabric, split("MOD 2", 4), op);
    for (const auto& outcome : bench.run(ideal_network_profile(), Bytes(25'000'000), {})) {
      EXPECT_NEAR(outcome.alone.uncontended.value(), 1e-3, 1e-9) << name_of(op);
      EXPECT_NEAR(outcome.together.value(), 2e-3, 1e-9) << name_of(op);
    }
  }
}

TEST(ConcurrentBench, GroupsBelowTheirLeafDoNotMeet) {
  const Fabric fabric = thin_spine();
  const ConcurrentBench bench(fabric, split("DIV 2", 4), BenchOp::kAllReduce);
  for (const auto& outcome : bench.run(ideal_network_profile(), Bytes(25'000'000), {}))
    EXPECT_NEAR(outcome.together / outcome.alone.uncontended, 1, 1e-9);
}

TEST(ConcurrentBench, OneRankTakesNoTime) {
  const Fabric fabric = thin_spine();
  const ConcurrentBench bench(fabric, split("MOD 4", 4), BenchOp::kAllReduce);
  for (const auto& outcome : bench.run(ideal_network_profile(), Bytes(1 << 20), {}))
    EXPECT_EQ(outcome.together.value(), 0);
}

}  // namespace
}  // namespace stepcast
