// One line of a table of step times as it was published, before anything is decided about it. The
// columns are those of the ledger (README of tests/validation); an empty cell is "not published".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/ledger/csv.h"

namespace stepcast {

/// How the published memory figure was taken.
enum class MemoryKind : std::uint8_t {
  kUnstated,
  kStatic,     ///< tensors alive between the passes
  kAllocated,  ///< tensors alive at the peak
  kReserved,   ///< held by the allocator
  kDevice,     ///< seen on the device
};

struct StepRow {
  int line = 0;  ///< of the file
  std::string id, kind, quality, framework, cluster, source, notes;
  std::int64_t num_gpus = 0;

  std::string model;
  std::optional<std::int64_t> num_layers, hidden_size, num_heads, ffn_hidden_size, vocab_size;
  std::string num_kv_heads;  ///< a number, or the name of another kind of attention ("mla")
  bool gated_mlp = false;
  std::optional<bool> tied_embeddings;
  std::optional<std::int64_t> num_experts;
  std::optional<std::int64_t> seq_len;
  std::string precision;

  std::optional<std::int64_t> dp, tp, pp, vp, cp, ep;
  std::optional<bool> sequence_parallel;
  std::string sharding;  ///< "none", "zero1", "zero2", "zero3", "hsdp"
  std::optional<std::int64_t> shard_group;
  std::optional<std::int64_t> micro_batch_size, global_batch_size;
  std::string schedule, recompute;

  std::optional<double> step_time_s;
  std::optional<double> peak_memory_gb, reserved_memory_gb;  ///< 1e9 bytes
  MemoryKind memory_kind = MemoryKind::kUnstated;
  bool out_of_memory = false;  ///< the run did not fit, and says nothing of time
};

/// Without these, a table is none of step times.
inline constexpr std::string_view kStepColumns[] = {
    "id", "framework", "cluster",           "n_gpus",     "num_layers", "hidden_size",
    "tp", "pp",        "global_batch_size", "step_time_s"};

/// Throws Error(kInput) with line and column on a cell that can't be read.
StepRow read_step_row(const CsvTable& table, const CsvRecord& record);

}  // namespace stepcast
