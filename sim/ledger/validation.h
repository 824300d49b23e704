// What came of comparing a table of measurements with predictions: an answer to each row, and the
// figures that sum them up. Made by validate.h, printed by validation_text.h.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sim/base/grade.h"
#include "sim/ledger/statistics.h"

namespace stepcast {

/// Measured and predicted memory of one kind, in 1e9 bytes.
struct MemoryPair {
  double measured_gb = 0;
  double predicted_gb = 0;
  double error() const { return predicted_gb / measured_gb - 1; }
};

/// The answer to one row: skipped with a reason, or predicted.
struct RowAnswer {
  std::string id;
  std::string skipped;  ///< why; empty: predicted
  std::optional<double> measured_s;
  std::optional<double> predicted_s;
  double relative_sigma = 0;
  Grade grade = Grade::kAssumed;
  std::optional<double> peak_memory_gb;  ///< predicted, tensors of the fullest rank
  std::string fit;                       ///< "fits", "tight", "does not fit"; empty: not asked
  bool predicted_oom = false;
  bool was_oom = false;
  std::optional<MemoryPair> memory;                         ///< of the kind that was published
  std::optional<MemoryPair> reserved_memory;                ///< where the source has both
  std::vector<std::string> assumptions;                     ///< what was filled in by rule
  std::vector<std::pair<std::string, std::string>> labels;  ///< "framework" -> "nanotron", ...
  std::string ranking_group;  ///< rows that a user would choose among; empty: none
  double tokens = 1;          ///< per step: choices are ranked by time per token
  std::string cell;           ///< rows that repeat one timing; empty: none (see Validation::groups)

  /// Predicted / measured - 1, when both are there.
  std::optional<double> error() const;
  std::string label(const std::string& by) const;
};

struct MemorySummary {
  std::int64_t rows = 0;
  double median_abs = 0;
  double bias = 0;
};

struct GroupSummary {
  std::string by;
  std::string name;
  std::int64_t rows = 0;  ///< predicted
  ErrorSummary error;
  MemorySummary memory;
};

/// Kendall's tau-b (median) and regret (mean) over the groups of rows that share model, cluster and
/// number of GPUs; by time per token. Zero groups: nothing could be ranked.
struct RankingSummary {
  std::int64_t groups = 0;
  double kendall_tau = 0;
  double regret = 0;
};

struct Validation {
  std::string kind;  ///< "step_times", "collectives", "gemm", ...
  std::vector<RowAnswer> answers;
  std::int64_t predicted = 0;
  double coverage = 0;
  ErrorSummary error;
  RankingSummary ranking;
  OomCounts oom;
  MemorySummary memory;
  MemorySummary reserved_memory;
  double interval_coverage = 0;  ///< measured inside the 90 % interval, of rows with a time
  /// By each of the asked labels that rows carry, in order; then, when rows carry cells, one group
  /// "cell" per kind of workload, in which the mean signed error of each cell counts as one row.
  std::vector<GroupSummary> groups;
};

/// Sums up answers; `by` names labels to group by. Figures of nothing are 0.
Validation sum_up(std::string kind, std::vector<RowAnswer> answers,
                  std::span<const std::string> by);

}  // namespace stepcast
