// The benchmark of communicators: sizes as nccl-tests counts them, and results that are right. How
// fast is the business of whoever runs it.
#include "kernels/live/communicator_bench.h"

#include <gtest/gtest.h>

#include "kernels/live/thread_group.h"

namespace stepcast {
namespace {

CommunicatorBenchSettings settings_for(BenchOp op, bool in_place) {
  return {.op = op,
          .sizes = {Bytes(8), Bytes(1000), Bytes(200'000)},
          .in_place = in_place,
          .rounds = 3,
          .iterations = 2};
}

TEST(CommunicatorBench, EveryOperationIsRightInAndOutOfPlace) {
  SwitchboardSizes sizes{.ranks = 3, .mailbox_bytes = 4 << 20, .kept_bytes = 1 << 10};
  ThreadGroup(sizes).run([](RankContext& context) {
    const auto world = context.world();
    for (const BenchOpInfo& row : bench_ops())
      for (const bool in_place : {false, true}) {
        for (const CommunicatorTiming& timing :
             bench_communicator(*world, settings_for(row.op, in_place))) {
          EXPECT_EQ(timing.wrong, 0) << row.name << " of " << timing.size.value();
          EXPECT_EQ(timing.ranks, 3);
          EXPECT_GT(timing.q10.value(), 0);
          EXPECT_LE(timing.q10, timing.median);
          EXPECT_LE(timing.median, timing.q90);
        }
      }
    return 0;
  });
}

TEST(CommunicatorBench, SizesAreWholeElementsPerPart) {
  // 3 ranks: 8 bytes have no fp32 for every part; 1000 bytes are 250 of them, 83 per part.
  const auto results = bench_processes(
      3, {settings_for(BenchOp::kAllGather, false), settings_for(BenchOp::kAllReduce, true)});
  ASSERT_EQ(results.size(), 2u);
  ASSERT_EQ(results[0].size(), 2u);
  EXPECT_EQ(results[0][0].size, Bytes(3 * 83 * 4));
  EXPECT_EQ(results[0][1].op, BenchOp::kAllGather);
  ASSERT_EQ(results[1].size(), 3u);
  EXPECT_EQ(results[1][0].size, Bytes(8));
}

}  // namespace
}  // namespace stepcast
