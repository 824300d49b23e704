// What ranks tell of a run, and how it gets from their processes to ours: each piece is kept whole
// as soon as it is known, so a run that ends early leaves what was done before.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/live/rank_context.h"
#include "kernels/live/step_recorder.h"
#include "sim/base/quantity.h"

namespace stepcast {

struct StepRecord {
  std::int64_t step = 0;                  ///< from 1
  std::int64_t round = -1;                ///< of a comparison; -1: the step is only trained
  bool timed = false;                     ///< false: it warms up, or shows where memory lies
  double loss = 0;                        ///< this rank's share of the mean loss
  double begin = 0;                       ///< wall_seconds(); all ranks begin together
  double wall = 0, lost = 0, waited = 0;  ///< seconds: in all, without its core, for other ranks
  double outside = 0;  ///< seconds in none of its ops: zeroing gradients, reading the batch
};

/// When an op of a step ran, seconds from the rank's begin of that step.
struct OpTime {
  double begin = 0, end = 0;

  double seconds() const { return end - begin; }
};

/// What one rank kept.
struct RankRecords {
  std::int32_t sharing = 1;    ///< ranks on its core
  std::int32_t processor = 0;  ///< the lowest of them
  bool lost_known = true;      ///< whether StepRecord::lost says anything
  std::vector<StepRecord> steps;
  /// Of every timed step of a comparison, by step: each op of `last_ops`, in its order.
  std::vector<std::vector<OpTime>> op_times;
  std::vector<std::vector<double>> rounds;  ///< of a comparison: see program_bench.h
  std::vector<TimedOp> last_ops;            ///< of the last step, as far as it got
  Bytes peak_memory;
  bool complete = false;  ///< it got to the end
};

enum class RecordKind : std::uint64_t { kBegin, kStep, kOpTimes, kRound, kOps, kEnd };

struct BeginRecord {
  std::int32_t sharing = 1, processor = 0;
  bool lost_known = true;
};
struct EndRecord {
  std::int64_t peak_memory_bytes = 0;
};

/// Keeps one piece.
void keep_record(RankContext& context, RecordKind kind, std::span<const std::byte> bytes);

/// Counts the steps of a rank that still keeps more.
class StepCount {
 public:
  /// `kept` begins with what it was in the last call; only what came since is read.
  std::size_t of(std::span<const std::byte> kept);

 private:
  std::size_t steps_ = 0, read_ = 0;
};

/// All pieces of a rank.
RankRecords read_records(std::span<const std::byte> kept);

}  // namespace stepcast
