#include "sim/cost/measured_transfers.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <tuple>

#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

constexpr std::string_view kMessage = "message";
constexpr std::array kKinds{CollectiveKind::kAllReduce,     CollectiveKind::kAllGather,
                            CollectiveKind::kReduceScatter, CollectiveKind::kBroadcast,
                            CollectiveKind::kReduce,        CollectiveKind::kAllToAll};

auto key_of(const MeasuredTransfer& point) {
  return std::make_tuple(point.kind, point.ranks, point.size);
}

bool before(const MeasuredTransfer& a, const MeasuredTransfer& b) { return key_of(a) < key_of(b); }

std::vector<std::string_view> op_names() {
  std::vector<std::string_view> names;
  for (const CollectiveKind kind : kKinds) names.push_back(name_of(kind));
  names.push_back(kMessage);
  return names;
}

MeasuredTransfer read_point(const JsonValue& value, Problems& problems) {
  static const std::vector<std::string_view> kNames = op_names();
  Fields fields(value, problems);
  MeasuredTransfer point;
  const std::size_t op = fields.choice("op", kNames);
  if (op < kKinds.size()) point.kind = kKinds[op];
  point.ranks = fields.integer("ranks", {.min = 2, .max = 1024}, 2);
  point.size = fields.quantity<Bytes>("size");
  point.time = fields.quantity<Seconds>("time");
  fields.finish();
  return point;
}

}  // namespace

void MeasuredTransfers::set(const MeasuredTransfer& point) {
  const auto at = std::lower_bound(points_.begin(), points_.end(), point, before);
  if (at != points_.end() && key_of(*at) == key_of(point))
    *at = point;
  else
    points_.insert(at, point);
}

std::optional<Seconds> MeasuredTransfers::time(std::optional<CollectiveKind> kind,
                                               std::int64_t ranks, Bytes size) const {
  const auto other = [&](const MeasuredTransfer& point) {
    return point.kind != kind || point.ranks != ranks;
  };
  const auto first = std::find_if_not(points_.begin(), points_.end(), other);
  const auto last = std::find_if(first, points_.end(), other);
  if (first == last) return {};
  const auto right =
      std::find_if(first, last, [&](const MeasuredTransfer& point) { return point.size >= size; });
  if (right == first) return first->time;
  const MeasuredTransfer& left = *(right - 1);
  if (right == last) return left.time * (size / left.size);
  const double part = (size - left.size) / (right->size - left.size);
  return left.time + (right->time - left.time) * part;
}

MeasuredTransfers read_measured_transfers(const JsonValue& list, Problems& problems) {
  MeasuredTransfers points;
  if (!list.is_array()) problems.add(list.problem("must be a list of measured transfers [...]"));
  for (const JsonValue& element : list.elements()) {
    const std::size_t mistakes = problems.all().size(), count = points.all().size();
    const MeasuredTransfer point = read_point(element, problems);
    if (problems.all().size() > mistakes) continue;
    points.set(point);
    if (points.all().size() == count)
      problems.add(element.problem("is a second point of the same op, ranks and size; keep one"));
  }
  return points;
}

void write_measured_transfers(JsonWriter& json, const MeasuredTransfers& points) {
  json.begin_array();
  for (const MeasuredTransfer& point : points.all()) {
    json.begin_object(JsonWriter::Layout::kOneLine);
    json.member("op", point.kind ? name_of(*point.kind) : kMessage);
    json.member("ranks", point.ranks);
    json.member("size", std::to_string(point.size.value()) + " B");
    json.member("time", number_text(point.time.value() * 1e6, 5) + " us");
    json.end_object();
  }
  json.end_array();
}

}  // namespace stepcast
