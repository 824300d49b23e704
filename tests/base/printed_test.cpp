#include "sim/base/printed.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

TEST(Printed, FormatsAsPrintf) { EXPECT_EQ(printed("%-4s|%5.1f %%", "ab", 12.54), "ab  | 12.5 %"); }

TEST(Printed, NothingIsEmpty) { EXPECT_EQ(printed("%s", ""), ""); }

TEST(Printed, LongTextIsNotCut) {
  const std::string long_name(10'000, 'x');
  EXPECT_EQ(printed("<%s>", long_name.c_str()), "<" + long_name + ">");
}

}  // namespace
}  // namespace stepcast
