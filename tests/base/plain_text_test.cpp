#include "sim/base/plain_text.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

TEST(Counted, OneIsSingular) {
  EXPECT_EQ(counted(1, "node"), "1 node");
  EXPECT_EQ(counted(0, "node"), "0 nodes");
  EXPECT_EQ(counted(2, "switch"), "2 switches");
}

}  // namespace
}  // namespace stepcast
