#include "sim/ledger/validate.h"

#include <algorithm>
#include <array>
#include <span>

#include "sim/ledger/collective_validation.h"
#include "sim/ledger/kernel_validation.h"
#include "sim/ledger/step_row.h"
#include "sim/ledger/step_validation.h"

namespace stepcast {
namespace {

constexpr std::string_view kDataParallelColumns[] = {"id",     "framework", "cluster",
                                                     "n_gpus", "model",     "samples_per_s"};
constexpr std::string_view kCollectiveColumns[] = {"collective", "n_gpus", "size_bytes", "time_us"};
constexpr std::string_view kGemmColumns[] = {"gpu", "dtype", "m", "n", "k", "time_us"};
constexpr std::string_view kAttentionColumns[] = {"gpu",      "dtype", "heads",  "seq",
                                                  "head_dim", "pass",  "time_us"};
constexpr std::string_view kMemoryOpColumns[] = {"gpu", "op", "dtype", "elements_shape", "time_us"};
constexpr std::string_view kConvolutionColumns[] = {"gpu", "dtype", "c_in", "c_out", "time_us"};
constexpr std::string_view kMiscellaneousColumns[] = {"gpu", "quantity", "value", "unit"};

struct LedgerInfo {
  LedgerKind kind;
  std::string_view name;
  std::span<const std::string_view> columns;  ///< that tell it from the others
};

/// The first row whose columns are all there wins.
constexpr std::array<LedgerInfo, 8> kLedgers{{
    {LedgerKind::kStepTimes, "step_times", kStepColumns},
    {LedgerKind::kDataParallel, "data_parallel", kDataParallelColumns},
    {LedgerKind::kCollectives, "collectives", kCollectiveColumns},
    {LedgerKind::kGemm, "gemm", kGemmColumns},
    {LedgerKind::kAttention, "attention", kAttentionColumns},
    {LedgerKind::kMemoryOps, "memory_ops", kMemoryOpColumns},
    {LedgerKind::kConvolutions, "conv", kConvolutionColumns},
    {LedgerKind::kMiscellaneous, "misc", kMiscellaneousColumns},
}};

/// "; it lacks num_layers, hidden_size to be one of step_times": of the table that most columns
/// there belong to. Empty when there is none.
std::string nearest_text(const CsvTable& table) {
  std::string text;
  std::size_t most = 0;
  for (const LedgerInfo& row : kLedgers) {
    const std::vector<std::string> missing = table.missing_columns(row.columns);
    if (row.columns.size() - missing.size() <= most) continue;
    most = row.columns.size() - missing.size();
    text = "; it lacks";
    for (const std::string& name : missing) text += (name == missing[0] ? " " : ", ") + name;
    text += " to be one of " + std::string(row.name);
  }
  return text;
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
  return std::ranges::find(kLedgers, kind, &LedgerInfo::kind)->name;
}

LedgerKind recognise(const CsvTable& table) {
  std::string known;
  for (const LedgerInfo& row : kLedgers) {
    if (table.missing_columns(row.columns).empty()) return row.kind;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(
      ErrorKind::kInput,
      {Problem{.file = table.file,
               .line = 1,
               .path = "",
               .message = "the header is that of no table of measurements" + nearest_text(table) +
                          "; known: " + known + " (columns in tests/validation/README.md)"}});
}

void require_step_times(const CsvTable& table) {
  const LedgerKind kind = recognise(table);
  if (kind == LedgerKind::kStepTimes) return;
  throw Error(ErrorKind::kInput,
              {Problem{.file = table.file,
                       .line = 1,
                       .path = "",
                       .message = "the header is that of a table of " + std::string(name_of(kind)) +
                                  ", and one of step_times is needed (columns "
                                  "in tests/validation/README.md)"}});
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
