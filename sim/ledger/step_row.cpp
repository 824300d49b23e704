#include "sim/ledger/step_row.h"

#include <array>

namespace stepcast {
namespace {

struct MemoryKindName {
  std::string_view name;
  MemoryKind kind;
};
constexpr std::array<MemoryKindName, 5> kMemoryKinds{{{"", MemoryKind::kUnstated},
                                                      {"static", MemoryKind::kStatic},
                                                      {"allocated", MemoryKind::kAllocated},
                                                      {"reserved", MemoryKind::kReserved},
                                                      {"device", MemoryKind::kDevice}}};

[[noreturn]] void reject(const CsvTable& table, const CsvRecord& record, std::string column,
                         std::string message) {
  throw Error(ErrorKind::kInput, {Problem{.file = table.file,
                                          .line = record.line,
                                          .path = std::move(column),
                                          .message = std::move(message)}});
}

MemoryKind read_memory_kind(const CsvTable& table, const CsvRecord& record,
                            const std::string& cell) {
  for (const MemoryKindName& row : kMemoryKinds)
    if (row.name == cell) return row.kind;
  reject(table, record, "memory_kind",
         "= \"" + cell + "\" must be static, allocated, reserved, device, or empty");
}

bool read_outcome(const CsvTable& table, const CsvRecord& record, const std::string& cell) {
  if (cell == "oom") return true;
  if (cell == "ok" || cell.empty()) return false;
  reject(table, record, "outcome", "= \"" + cell + "\" must be ok or oom");
}

void read_model_cells(const CsvCells& cells, StepRow& row) {
  row.model = cells.text("model");
  row.num_layers = cells.integer("num_layers");
  row.hidden_size = cells.integer("hidden_size");
  row.num_heads = cells.integer("num_heads");
  row.num_kv_heads = cells.text("num_kv_heads");
  row.ffn_hidden_size = cells.integer("ffn_hidden_size");
  row.gated_mlp = cells.flag("gated_mlp").value_or(false);
  row.vocab_size = cells.integer("vocab_size");
  row.tied_embeddings = cells.flag("tied_embeddings");
  row.num_experts = cells.integer("num_experts");
  row.seq_len = cells.integer("seq_len");
  row.precision = cells.text("precision");
}

void read_plan_cells(const CsvCells& cells, StepRow& row) {
  row.dp = cells.integer("dp");
  row.tp = cells.integer("tp");
  row.pp = cells.integer("pp");
  row.vp = cells.integer("vp");
  row.cp = cells.integer("cp");
  row.ep = cells.integer("ep");
  row.sequence_parallel = cells.flag("sequence_parallel");
  row.sharding = cells.text("sharding");
  row.shard_group = cells.integer("shard_group");
  row.micro_batch_size = cells.integer("micro_batch_size");
  row.global_batch_size = cells.integer("global_batch_size");
  row.schedule = cells.text("schedule");
  row.recompute = cells.text("recompute");
}

}  // namespace

StepRow read_step_row(const CsvTable& table, const CsvRecord& record) {
  const CsvCells cells(table, record);
  StepRow row;
  row.line = record.line;
  row.id = cells.text("id");
  row.kind = cells.text("kind");
  row.quality = cells.text("quality");
  row.framework = cells.text("framework");
  row.cluster = cells.text("cluster");
  row.source = cells.text("source");
  row.notes = cells.text("notes");
  row.num_gpus = cells.integer("n_gpus").value_or(0);
  read_model_cells(cells, row);
  read_plan_cells(cells, row);
  row.step_time_s = cells.number("step_time_s");
  if (row.step_time_s && *row.step_time_s <= 0)
    reject(table, record, "step_time_s", "= " + cells.text("step_time_s") + " must be positive");
  row.peak_memory_gb = cells.number("peak_memory_gb");
  row.reserved_memory_gb = cells.number("reserved_memory_gb");
  row.memory_kind = read_memory_kind(table, record, cells.text("memory_kind"));
  row.out_of_memory = read_outcome(table, record, cells.text("outcome"));
  return row;
}

}  // namespace stepcast
