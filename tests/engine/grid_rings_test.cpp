// Rings through grids: each passes every GPU once, and together they use the links evenly.
#include "sim/engine/grid_rings.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

namespace stepcast {
namespace {

using Walk = std::vector<std::uint32_t>;

GridBox box(std::vector<std::int64_t> dims, bool wrap) {
  const std::size_t sides = dims.size();
  return {std::move(dims), std::vector<bool>(sides, wrap)};
}

bool passes_every_place_once(Walk walk, std::size_t places) {
  std::sort(walk.begin(), walk.end());
  Walk all(places);
  std::iota(all.begin(), all.end(), 0u);
  return walk == all;
}

/// How often each pair of neighbours is taken, in its direction.
std::map<std::pair<std::uint32_t, std::uint32_t>, int> uses(const std::vector<Walk>& walks) {
  std::map<std::pair<std::uint32_t, std::uint32_t>, int> uses;
  for (const Walk& walk : walks)
    for (std::size_t i = 0; i < walk.size(); ++i) ++uses[{walk[i], walk[(i + 1) % walk.size()]}];
  return uses;
}

/// Steps between two places along the grid.
std::int64_t distance(const Grid& grid, std::uint32_t a, std::uint32_t b) {
  std::int64_t steps = 0;
  for (std::size_t d = 0; d < grid.dims.size(); ++d) {
    const std::int64_t apart = std::abs(grid.coordinate(a, d) - grid.coordinate(b, d));
    steps += grid.wraps(d) ? std::min(apart, grid.dims[d] - apart) : apart;
  }
  return steps;
}

TEST(GridRings, TwoDimensionsUseEveryLinkOnce) {
  for (const auto& dims : {std::vector<std::int64_t>{4, 4}, {8, 4}, {3, 3}, {6, 6}, {16, 16}}) {
    const Grid grid{dims, true};
    const std::vector<Walk> walks = grid_rings(box(dims, true));
    ASSERT_EQ(walks.size(), 4u) << dims[0] << " x " << dims[1];
    for (const Walk& walk : walks)
      EXPECT_TRUE(passes_every_place_once(walk, static_cast<std::size_t>(dims[0] * dims[1])));
    const auto used = uses(walks);
    EXPECT_EQ(used.size(), static_cast<std::size_t>(4 * dims[0] * dims[1]));
    for (const auto& [pair, times] : used) {
      EXPECT_EQ(times, 1);
      EXPECT_EQ(distance(grid, pair.first, pair.second), 1);
    }
  }
}

TEST(GridRings, ThreeDimensionsUseEveryLinkFourTimes) {
  for (const auto& dims : {std::vector<std::int64_t>{4, 4, 4}, {8, 4, 4}, {3, 3, 3}}) {
    const Grid grid{dims, true};
    const std::vector<Walk> walks = grid_rings(box(dims, true));
    ASSERT_EQ(walks.size(), 24u);
    const auto places = static_cast<std::size_t>(dims[0] * dims[1] * dims[2]);
    for (const Walk& walk : walks) EXPECT_TRUE(passes_every_place_once(walk, places));
    const auto used = uses(walks);
    EXPECT_EQ(used.size(), 6 * places);
    for (const auto& [pair, times] : used) {
      EXPECT_EQ(times, 4);
      EXPECT_EQ(distance(grid, pair.first, pair.second), 1);
    }
  }
}

TEST(GridRings, OneSnakeBothWaysWhereTheCyclesDoNotFit) {
  // Open grids with an even side, and a torus of 4 x 5, whose sides have no factor in common.
  for (const auto& [dims, wrap] : {std::pair{std::vector<std::int64_t>{4, 5}, true},
                                   {{3, 4}, false},
                                   {{2, 3, 5}, false},
                                   {{3, 3, 2}, false},
                                   {{2, 2}, true}}) {
    const Grid grid{dims, wrap};
    const std::vector<Walk> walks = grid_rings(box(dims, wrap));
    ASSERT_EQ(walks.size(), 2u);
    std::size_t places = 1;
    for (const std::int64_t size : dims) places *= static_cast<std::size_t>(size);
    for (const Walk& walk : walks) EXPECT_TRUE(passes_every_place_once(walk, places));
    for (const auto& [pair, times] : uses(walks)) {
      EXPECT_EQ(times, 1);
      EXPECT_EQ(distance(grid, pair.first, pair.second), 1);
    }
  }
}

TEST(GridRings, ALineGoesThereAndBackAndARingBothWays) {
  EXPECT_EQ(grid_rings(box({4}, false)), (std::vector<Walk>{{0, 1, 2, 3}}));
  EXPECT_EQ(grid_rings(box({4}, true)), (std::vector<Walk>{{0, 1, 2, 3}, {0, 3, 2, 1}}));
  EXPECT_EQ(grid_rings(box({1, 1}, true)), (std::vector<Walk>{{0}}));
}

TEST(GridRings, AGroupThatFillsAPlaneOfATorusRunsInThatPlane) {
  const Grid grid{{4, 4, 4}, true};
  std::vector<std::uint32_t> plane;
  for (std::uint32_t gpu = 0; gpu < 64; ++gpu)
    if (grid.coordinate(gpu, 1) == 2) plane.push_back(gpu);
  const std::vector<Walk> walks = grid_walks(grid, plane);
  ASSERT_EQ(walks.size(), 4u);
  for (const auto& [pair, times] : uses(walks)) {
    EXPECT_EQ(times, 1);
    EXPECT_EQ(distance(grid, pair.first, pair.second), 1);
  }
}

TEST(GridRings, AnyOtherGroupIsVisitedInTheOrderOfASnake) {
  const Grid grid{{4, 4}, true};
  const std::vector<std::uint32_t> members = {0, 5, 6, 15};
  const std::vector<Walk> walks = grid_walks(grid, members);
  ASSERT_EQ(walks.size(), 1u);
  EXPECT_EQ(std::set<std::uint32_t>(walks[0].begin(), walks[0].end()),
            std::set<std::uint32_t>(members.begin(), members.end()));
}

}  // namespace
}  // namespace stepcast
