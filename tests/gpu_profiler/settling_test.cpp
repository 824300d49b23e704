#include "kernels/gpu_profiler/settling.h"

#include <gtest/gtest.h>

#include <cmath>

namespace stepcast {
namespace {

// A load that takes 1 ms at first and 1.2 ms in the end, with a time constant of one second.
// Medians of windows half a second apart move by a factor of e^-0.5; three agree within 1 % once
// they are within about 1 % of the end: 0.2 e^-t = 0.015, so after some 2.6 s and the two windows
// behind.
TEST(Settling, WaitsUntilWindowsAgree) {
  Settling settling;
  double t = 0;
  for (; !settling.settled() && t < 20; t += 0.05)
    settling.add(t, 1e-3 * (1.2 - 0.2 * std::exp(-t)));
  EXPECT_GT(t, 2.5);
  EXPECT_LT(t, 5.5);
  EXPECT_NEAR(settling.latest(), 1.2e-3, 0.01e-3);
  EXPECT_NEAR(settling.first(), 1e-3, 1e-9);
  EXPECT_FALSE(settling.overdue());
}

TEST(Settling, ASingleSlowRunMovesNoWindow) {
  Settling settling;
  for (int i = 0; i < 40; ++i) settling.add(0.05 * i, i == 17 ? 9e-3 : 1e-3);
  EXPECT_TRUE(settling.settled());
}

TEST(Settling, WhatGoesOnMovingIsGivenUpInTheEnd) {
  Settling settling({.most = 10});
  double t = 0;
  for (; !settling.overdue() && !settling.settled(); t += 0.05) settling.add(t, 1e-3 * (1 + t));
  EXPECT_NEAR(t, 10, 0.2);
  EXPECT_FALSE(settling.settled());
  EXPECT_GT(settling.movement(), 0.05);
}

TEST(Settling, OneRunSettlesNothing) {
  Settling settling;
  settling.add(7, 1e-3);
  EXPECT_FALSE(settling.settled());
  EXPECT_FALSE(settling.overdue());
  EXPECT_EQ(settling.latest(), 1e-3);
}

}  // namespace
}  // namespace stepcast
