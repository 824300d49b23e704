#include "sim/base/nearest_name.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/base/named_table.h"

namespace stepcast {
namespace {

const std::vector<std::string> kNames = {"tp", "bandwidth", "latency", "num_layers", "num_heads"};

TEST(NearestName, FindsSlips) {
  EXPECT_EQ(nearest_name("bandwidht", kNames), "bandwidth");  // one swap
  EXPECT_EQ(nearest_name("latancy", kNames), "latency");
  EXPECT_EQ(nearest_name("num-layers", kNames), "num_layers");
  EXPECT_EQ(nearest_name("NumHeads", kNames), "num_heads");
  EXPECT_EQ(nearest_name("TP", kNames), "tp");
}

TEST(NearestName, DoesNotGuessWildly) {
  EXPECT_EQ(nearest_name("pp", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("colour", kNames), std::nullopt);
  EXPECT_EQ(nearest_name("", kNames), std::nullopt);
  EXPECT_EQ(nearest_name(std::string(1 << 20, 'a'), kNames), std::nullopt);
}

struct Row {
  std::string_view name;
  int value;
};
constexpr Row kTable[] = {{"gpipe", 1}, {"one_f_one_b", 2}};

TEST(FindRow, FindsByNameAndListsWhatExists) {
  EXPECT_EQ(find_row(std::span<const Row>(kTable), "one_f_one_b", "schedule").value, 2);
  try {
    find_row(std::span<const Row>(kTable), "gpip", "schedule");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_STREQ(error.what(),
                 "unknown schedule \"gpip\", did you mean \"gpipe\"? Known: gpipe one_f_one_b");
  }
}

}  // namespace
}  // namespace stepcast
