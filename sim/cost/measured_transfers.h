// Collectives and messages that were timed on the very machine, by kind, number of ranks and size.
// Part of a network profile, for ranks of one node: where ranks talk over the memory of a machine,
// the rate falls when the buffers outgrow its caches, which no latency and bandwidth can say.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/base/json_writer.h"
#include "sim/base/quantity.h"
#include "sim/collective/kind.h"

namespace stepcast {

struct MeasuredTransfer {
  std::optional<CollectiveKind> kind;  ///< none: a message from one rank to another
  std::int64_t ranks = 2;
  Bytes size;  ///< as nccl-tests counts it
  Seconds time;
};

/// A table by kind, ranks and size, each once.
class MeasuredTransfers {
 public:
  /// Adds a point, or replaces the one of the same kind, ranks and size.
  void set(const MeasuredTransfer& point);
  /// Straight lines between sizes; below the smallest its time, beyond the largest in proportion.
  /// Nothing when none of this kind was measured between so many ranks.
  std::optional<Seconds> time(std::optional<CollectiveKind> kind, std::int64_t ranks,
                              Bytes size) const;
  /// In order of kind (messages first), ranks, size.
  const std::vector<MeasuredTransfer>& all() const { return points_; }
  bool empty() const { return points_.empty(); }

 private:
  std::vector<MeasuredTransfer> points_;  ///< ascending
};

/// Reads a list of points, {"op": "all_reduce", "ranks": 2, "size": "1 MiB", "time": "156 us"};
/// the op of a message is "message". Mistakes go to `problems`.
MeasuredTransfers read_measured_transfers(const JsonValue& list, Problems& problems);
void write_measured_transfers(JsonWriter& json, const MeasuredTransfers& points);

}  // namespace stepcast
