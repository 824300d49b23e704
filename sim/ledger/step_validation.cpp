#include "sim/ledger/step_validation.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "sim/ledger/prepared_row.h"
#include "sim/ledger/step_scenario.h"

namespace stepcast {
namespace {

/// What a worker sends back. Same binary on both sides of the pipe, so its bytes will do.
struct PredictedStep {
  double step_time_s = 0;  ///< 0: not asked
  double relative_sigma = 0;
  double resident_bytes = 0;  ///< each the most over the stages
  double peak_bytes = 0;
  double held_bytes = 0;  ///< by the allocator
  double reserved_bytes = 0;
  Grade grade = Grade::kAssumed;
  Fit fit = Fit::kFits;
};
static_assert(std::is_trivially_copyable_v<PredictedStep>);

void take_memory(const StageMemory& stage, PredictedStep& step) {
  const auto raise = [](double& most, Bytes size) {
    most = std::max(most, static_cast<double>(size.value()));
  };
  raise(step.resident_bytes, stage.peak.resident_total);
  raise(step.peak_bytes, stage.peak.total);
  raise(step.held_bytes, stage.held);
  raise(step.reserved_bytes, stage.reserved);
  step.fit = std::max(step.fit, stage.fit);
}

std::string predict_step(const Scenario& scenario, bool with_time) {
  const PreparedRow row = prepare(scenario);
  PredictedStep step;
  step.grade = scenario.stack.grade;
  if (with_time) {
    const Report report = row.report();
    step.step_time_s = report.step_time.value();
    step.relative_sigma = report.relative_sigma;
    step.grade = report.grade;
    for (const StageMemory& stage : report.memory) take_memory(stage, step);
  } else {
    for (const Program& program : row.job->programs)
      take_memory(assess_memory(program, scenario.stack, memory_of_rank(scenario, program.device)),
                  step);
  }
  return std::string(reinterpret_cast<const char*>(&step), sizeof step);
}

RowAnswer answer_frame(const StepRow& row) {
  RowAnswer answer;
  answer.id = row.id;
  answer.was_oom = row.out_of_memory;
  if (!row.out_of_memory) answer.measured_s = row.step_time_s;
  answer.labels = {{"framework", row.framework}, {"kind", row.kind},
                   {"cluster", row.cluster},     {"quality", row.quality},
                   {"source", row.source},       {"model", row.model},
                   {"precision", row.precision}, {"n_gpus", std::to_string(row.num_gpus)}};
  answer.ranking_group = row.model + "|" + row.cluster + "|" + std::to_string(row.num_gpus);
  answer.tokens = static_cast<double>(row.global_batch_size.value_or(1)) *
                  static_cast<double>(row.seq_len.value_or(1));
  // Published single-node sweeps of this kind follow from one timing per cell by a schedule
  // formula: what they say of schedules is no evidence, so the cells are scored beside the rows.
  if (row.kind.starts_with("singlenode"))
    answer.cell = "hidden " + std::to_string(row.hidden_size.value_or(0)) + ", tp " +
                  std::to_string(row.tp.value_or(1)) + ", micro-batch " +
                  std::to_string(row.micro_batch_size.value_or(1));
  return answer;
}

double predicted_gb(const PredictedStep& step, MemoryKind kind) {
  const double bytes = kind == MemoryKind::kStatic      ? step.resident_bytes
                       : kind == MemoryKind::kAllocated ? step.peak_bytes
                       : kind == MemoryKind::kReserved  ? step.held_bytes
                                                        : step.reserved_bytes;
  return bytes / 1e9;
}

void take_prediction(const StepRow& row, const std::string& bytes, RowAnswer& answer) {
  PredictedStep step;
  STEPCAST_CHECK(bytes.size() == sizeof step, "a worker's answer has another size");
  std::memcpy(&step, bytes.data(), sizeof step);
  if (step.step_time_s > 0) answer.predicted_s = step.step_time_s;
  answer.relative_sigma = step.relative_sigma;
  answer.grade = step.grade;
  answer.peak_memory_gb = step.peak_bytes / 1e9;
  answer.fit = name_of(step.fit);
  answer.predicted_oom = step.fit == Fit::kDoesNotFit;
  if (row.peak_memory_gb && row.memory_kind != MemoryKind::kUnstated)
    answer.memory = {.measured_gb = *row.peak_memory_gb,
                     .predicted_gb = predicted_gb(step, row.memory_kind)};
  if (row.reserved_memory_gb)
    answer.reserved_memory = {.measured_gb = *row.reserved_memory_gb,
                              .predicted_gb = predicted_gb(step, MemoryKind::kReserved)};
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// A row on its way: its answer, and what is left to predict.
struct PendingRow {
  StepRow row;
  Scenario scenario;
  std::size_t answer = 0;
};

/// Reads and expresses one record; what can be predicted goes to `pending`. A cell that can't be
/// read is a reason to skip its row: the others are sound.
RowAnswer begin_answer(const CsvTable& table, const CsvRecord& record, RowLibrary& files,
                       std::vector<PendingRow>& pending, std::size_t index) {
  StepRow row;
  try {
    row = read_step_row(table, record);
  } catch (const Error& error) {
    RowAnswer unread;
    unread.id = CsvCells(table, record).text("id");
    unread.skipped = error.what();
    return unread;
  }
  RowAnswer answer = answer_frame(row);
  auto outcome = express(row, files);
  if (const auto* reason = std::get_if<SkipReason>(&outcome)) {
    answer.skipped = reason->text;
    return answer;
  }
  ExpressedRow& expressed = std::get<ExpressedRow>(outcome);
  answer.assumptions = std::move(expressed.assumptions);
  pending.push_back({std::move(row), std::move(expressed.scenario), index});
  return answer;
}

}  // namespace

std::vector<RowAnswer> answer_step_times(const CsvTable& table, const Library& library,
                                         const WorkerPoolOptions& pool) {
  RowLibrary files(library, folder_of(table));
  std::vector<RowAnswer> answers;
  std::vector<PendingRow> pending;
  for (const CsvRecord& record : table.records)
    answers.push_back(begin_answer(table, record, files, pending, answers.size()));
  const auto work = [&](std::size_t i) {
    return predict_step(pending[i].scenario, !pending[i].row.out_of_memory);
  };
  const std::vector<WorkResult> results = map_in_workers(pending.size(), work, pool);
  for (std::size_t i = 0; i < results.size(); ++i) {
    RowAnswer& answer = answers[pending[i].answer];
    if (results[i].ok())
      take_prediction(pending[i].row, results[i].bytes, answer);
    else
      answer.skipped = first_line(results[i].failure);
  }
  return answers;
}

}  // namespace stepcast
