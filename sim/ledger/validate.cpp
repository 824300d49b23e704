#include "sim/ledger/validate.h"

#include <algorithm>
#include <array>

#include "sim/ledger/collective_validation.h"
#include "sim/ledger/kernel_validation.h"
#include "sim/ledger/step_row.h"
#include "sim/ledger/step_validation.h"

namespace stepcast {
namespace {

/// The columns that tell the tables apart; the first row whose columns are all there wins.
struct LedgerInfo {
  LedgerKind kind;
  std::string_view name;
  std::array<std::string_view, 7> columns;  ///< the rest is empty
};

constexpr std::array<LedgerInfo, 7> kLedgers{{
    {LedgerKind::kDataParallel,
     "data_parallel",
     {"id", "framework", "cluster", "n_gpus", "model", "samples_per_s"}},
    {LedgerKind::kCollectives, "collectives", {"collective", "n_gpus", "size_bytes", "time_us"}},
    {LedgerKind::kGemm, "gemm", {"gpu", "dtype", "m", "n", "k", "time_us"}},
    {LedgerKind::kAttention,
     "attention",
     {"gpu", "dtype", "heads", "seq", "head_dim", "pass", "time_us"}},
    {LedgerKind::kMemoryOps, "memory_ops", {"gpu", "op", "dtype", "elements_shape", "time_us"}},
    {LedgerKind::kConvolutions, "conv", {"gpu", "dtype", "c_in", "c_out", "time_us"}},
    {LedgerKind::kMiscellaneous, "misc", {"gpu", "quantity", "value", "unit"}},
}};

bool matches(const CsvTable& table, const LedgerInfo& row) {
  return std::all_of(row.columns.begin(), row.columns.end(), [&](std::string_view name) {
    return name.empty() || table.column(name).has_value();
  });
}

/// The first cells of a row, for tables whose rows have no id.
std::string id_of(const CsvTable& table, const CsvRecord& record) {
  const std::string id = CsvCells(table, record).text("id");
  return id.empty() ? "line " + std::to_string(record.line) : id;
}

std::vector<RowAnswer> skip_all(const CsvTable& table, const std::string& reason) {
  std::vector<RowAnswer> answers;
  for (const CsvRecord& record : table.records) {
    RowAnswer answer;
    answer.id = id_of(table, record);
    answer.skipped = reason;
    answers.push_back(std::move(answer));
  }
  return answers;
}

std::vector<RowAnswer> answer(LedgerKind kind, const CsvTable& table, const Library& library,
                              const WorkerPoolOptions& pool) {
  switch (kind) {
    case LedgerKind::kStepTimes:
      return answer_step_times(table, library, pool);
    case LedgerKind::kGemm:
      return answer_kernels(KernelTable::kGemm, table, library);
    case LedgerKind::kAttention:
      return answer_kernels(KernelTable::kAttention, table, library);
    case LedgerKind::kMemoryOps:
      return answer_kernels(KernelTable::kMemoryOps, table, library);
    case LedgerKind::kDataParallel:
      return skip_all(table,
                      "training by data parallelism alone is not predicted: its models "
                      "(convolutions, recommendation, diffusion, ...) are not modelled");
    case LedgerKind::kCollectives:
      return answer_collectives(table, library);
    case LedgerKind::kConvolutions:
      return answer_kernels(KernelTable::kConvolutions, table, library);
    case LedgerKind::kMiscellaneous:
      return skip_all(table, "quantities other than kernel times are not predicted");
  }
  throw InternalError("unhandled kind of ledger");
}

}  // namespace

std::string_view name_of(LedgerKind kind) {
  for (const LedgerInfo& row : kLedgers)
    if (row.kind == kind) return row.name;
  return "step_times";
}

LedgerKind recognise(const CsvTable& table) {
  if (is_step_table(table)) return LedgerKind::kStepTimes;
  for (const LedgerInfo& row : kLedgers)
    if (matches(table, row)) return row.kind;
  std::string known = "step_times";
  for (const LedgerInfo& row : kLedgers) known += ", " + std::string(row.name);
  throw Error(ErrorKind::kInput,
              {Problem{.file = table.file,
                       .line = 1,
                       .path = "",
                       .message = "the header is that of no table of measurements; known: " +
                                  known + " (columns in tests/validation/README.md)"}});
}

Validation validate(const std::string& file, const Library& library,
                    const ValidateOptions& options) {
  const CsvTable table = read_csv_file(file);
  const LedgerKind kind = recognise(table);
  if (table.records.empty())
    throw Error(ErrorKind::kInput, {Problem{.file = table.file,
                                            .line = 1,
                                            .path = "",
                                            .message = "the table has a header and no rows; add "
                                                       "a line for each measurement"}});
  return sum_up(std::string(name_of(kind)), answer(kind, table, library, options.pool), options.by);
}

}  // namespace stepcast
