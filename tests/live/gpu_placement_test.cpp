#include "kernels/live/gpu_placement.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

GpusInSight sight(const std::string& host, int node, const std::vector<std::string>& bus_ids,
                  const std::string& name = "NVIDIA H200", const std::string& versions = "1") {
  GpusInSight sight{.host = host, .node = node, .versions = versions, .gpus = {}};
  for (const std::string& id : bus_ids) sight.gpus.push_back({.name = name, .bus_id = id});
  return sight;
}

std::vector<int> numbers(const GpuPlacement& placement) {
  std::vector<int> numbers;
  for (int rank = 0; rank < placement.ranks(); ++rank) numbers.push_back(placement.number(rank));
  return numbers;
}

TEST(GpuPlacement, RanksOfOneMachineGoRoundItsGpus) {
  const GpusInSight all = sight("a", 0, {"01", "02"});
  const GpuPlacement seen(std::vector<GpusInSight>(5, all)), counted(5, 2);
  for (const GpuPlacement* placement : {&seen, &counted}) {
    EXPECT_EQ(numbers(*placement), (std::vector{0, 1, 0, 1, 0}));
    EXPECT_EQ(placement->gpus(), 2);
    EXPECT_EQ(placement->together(2), (std::vector{0, 2, 4}));
    EXPECT_FALSE(placement->each_has_its_own());
    const CoreShare share = placement->share(3);
    EXPECT_EQ(share.ranks, 2);
    EXPECT_EQ(share.turn, 1);
    EXPECT_EQ(share.turns, 3);
    EXPECT_EQ(share.first, 1);
  }
}

// mpirun --map-by node: ranks 0 and 2 on one node, 1 and 3 on another.
TEST(GpuPlacement, EachNodeHasItsOwnGpus) {
  const GpusInSight a = sight("a", 0, {"01", "02"}), b = sight("b", 1, {"01", "02"});
  const GpuPlacement placement(std::vector{a, b, a, b});
  EXPECT_EQ(numbers(placement), (std::vector{0, 0, 1, 1}));
  EXPECT_TRUE(placement.each_has_its_own());
}

// srun --gpus-per-task=1: all call theirs number 0. NCCL too tells GPUs apart by their bus ids.
TEST(GpuPlacement, ARankThatSeesOneGpuTakesIt) {
  const GpuPlacement placement(
      std::vector{sight("a", 0, {"02"}), sight("a", 0, {"01"}), sight("a", 0, {"02"})});
  EXPECT_EQ(numbers(placement), (std::vector{0, 0, 0}));
  EXPECT_EQ(placement.gpus(), 2);
  EXPECT_EQ(placement.together(0), (std::vector{0, 2}));
}

TEST(GpuPlacement, AFreeGpuIsTakenBeforeASharedOne) {
  const GpuPlacement placement(std::vector{sight("a", 0, {"02"}), sight("a", 0, {"01", "02", "03"}),
                                           sight("a", 0, {"01", "02", "03"})});
  EXPECT_EQ(numbers(placement), (std::vector{0, 0, 2}));
  EXPECT_TRUE(placement.each_has_its_own());
}

std::string refusal(const std::vector<GpusInSight>& sights, ErrorKind kind) {
  try {
    check_alike(sights, GpuPlacement(sights));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "";
}

TEST(GpuPlacement, OtherGpusAndOtherVersionsAreToldWithRanksAndHosts) {
  const GpusInSight a = sight("a", 0, {"01", "02"});
  EXPECT_EQ(refusal({a, a}, ErrorKind::kUnsupported), "");
  EXPECT_EQ(refusal({a, a, sight("b", 2, {"01"}, "NVIDIA A100")}, ErrorKind::kUnsupported),
            "live ranks compute on GPUs of one kind: ranks 0 on a, 1 on a have \"NVIDIA H200\", "
            "rank 2 on b has \"NVIDIA A100\"; take nodes of one kind into the hostfile");
  EXPECT_EQ(refusal({a, a, sight("b", 2, {"01"}, "NVIDIA H200", "2")}, ErrorKind::kLiveRank),
            "ranks do not agree on the versions of driver, CUDA and NCCL: ranks 0 on a, 1 on a "
            "have \"1\", rank 2 on b has \"2\"; start all of them in one way");
}

}  // namespace
}  // namespace stepcast
