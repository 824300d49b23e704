#include "sim/cost/measured_transfers.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

constexpr auto kAllReduce = CollectiveKind::kAllReduce;

MeasuredTransfers three_points() {
  MeasuredTransfers points;
  points.set({.kind = kAllReduce, .ranks = 2, .size = Bytes(3000), .time = Seconds(9e-6)});
  points.set({.kind = kAllReduce, .ranks = 2, .size = Bytes(1000), .time = Seconds(5e-6)});
  points.set({.kind = {}, .ranks = 2, .size = Bytes(1000), .time = Seconds(1e-6)});
  return points;
}

TEST(MeasuredTransfers, StraightLinesBetweenSizes) {
  const MeasuredTransfers points = three_points();
  EXPECT_EQ(points.time(kAllReduce, 2, Bytes(1000)), Seconds(5e-6));
  EXPECT_DOUBLE_EQ(points.time(kAllReduce, 2, Bytes(2000))->value(), 7e-6);
  EXPECT_EQ(points.time(kAllReduce, 2, Bytes(3000)), Seconds(9e-6));
}

TEST(MeasuredTransfers, BelowTheSmallestItsTimeAndBeyondTheLargestInProportion) {
  const MeasuredTransfers points = three_points();
  EXPECT_EQ(points.time(kAllReduce, 2, Bytes(8)), Seconds(5e-6));
  EXPECT_DOUBLE_EQ(points.time(kAllReduce, 2, Bytes(6000))->value(), 18e-6);
}

TEST(MeasuredTransfers, OtherKindsAndNumbersOfRanksKnowNothing) {
  const MeasuredTransfers points = three_points();
  EXPECT_FALSE(points.time(kAllReduce, 4, Bytes(1000)));
  EXPECT_FALSE(points.time(CollectiveKind::kAllGather, 2, Bytes(1000)));
  EXPECT_EQ(points.time({}, 2, Bytes(1000)), Seconds(1e-6));
}

TEST(MeasuredTransfers, PointIsReplacedByALaterOne) {
  MeasuredTransfers points = three_points();
  points.set({.kind = kAllReduce, .ranks = 2, .size = Bytes(1000), .time = Seconds(4e-6)});
  EXPECT_EQ(points.all().size(), 3u);
  EXPECT_EQ(points.time(kAllReduce, 2, Bytes(1000)), Seconds(4e-6));
}

MeasuredTransfers read(const std::string& text, Problems& problems) {
  return read_measured_transfers(parse_json(text, "points.json").root(), problems);
}

TEST(MeasuredTransfers, WrittenAndReadAgain) {
  const MeasuredTransfers points = three_points();
  JsonWriter json;
  write_measured_transfers(json, points);
  Problems problems;
  const MeasuredTransfers back = read(json.text(), problems);
  problems.raise_if_any();
  ASSERT_EQ(back.all().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const MeasuredTransfer &a = back.all()[i], &b = points.all()[i];
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.size, b.size);
    EXPECT_DOUBLE_EQ(a.time.value(), b.time.value());
  }
}

TEST(MeasuredTransfers, MistakesAreReported) {
  Problems problems;
  read(R"([{"op": "all_reduse", "size": "1 kB", "time": "1 us"},
           {"op": "message", "size": "1 kB", "time": "1 us"},
           {"op": "message", "ranks": 2, "size": "1000 B", "time": "2 us"}])",
       problems);
  ASSERT_EQ(problems.all().size(), 2u);
  EXPECT_NE(problems.all()[0].message.find("all_reduce"), std::string::npos);
  EXPECT_NE(problems.all()[1].message.find("second point"), std::string::npos);
}

}  // namespace
}  // namespace stepcast
