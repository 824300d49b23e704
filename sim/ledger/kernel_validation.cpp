#include "sim/ledger/kernel_validation.h"

#include <array>
#include <cmath>

#include "sim/ledger/kernel_rows.h"
#include "sim/ledger/step_scenario.h"

namespace stepcast {
namespace {

/// Names of GPUs in published tables, and a shipped cluster that has this very part.
struct GpuName {
  std::string_view gpu;
  std::string_view cluster;
};
constexpr std::array<GpuName, 13> kGpus{{
    {"V100-SXM2-16GB", "dgx1-v100-16g"},
    {"A100-SXM4-40GB", "a100-40g-8x200"},
    {"A100-40GB", "a100-40g-8x200"},
    {"A100-SXM4-80GB", "dgx-a100-80g"},
    {"H100-SXM5-80GB", "dgx-h100"},
    {"H100-SXM", "dgx-h100"},
    {"H200-SXM-141GB", "dgx-h200"},
    {"H200-SXM", "dgx-h200"},
    {"B200-SXM", "dgx-b200"},
    {"GB200", "gb200-nvl72"},
    {"GB300", "gb300-nvl72"},
    {"A100-80GB", "dgx-a100-80g"},
    {"L40S", "l40s-4"},
}};

const RowLibrary::Cluster* cluster_of(const std::string& gpu, RowLibrary& files) {
  for (const GpuName& row : kGpus)
    if (row.gpu == gpu) return files.cluster(std::string(row.cluster));
  return nullptr;
}

TimedKernels kernels_of(KernelTable kind, const CsvCells& cells) {
  switch (kind) {
    case KernelTable::kGemm:
      return gemm_kernels(cells);
    case KernelTable::kAttention:
      return attention_kernels(cells);
    case KernelTable::kMemoryOps:
      return memory_kernels(cells);
  }
  throw InternalError("unhandled kind of kernel table");
}

/// The device alone: no stack makes its kernels slower.
CostModel bare_costs(const RowLibrary::Cluster& cluster, const CsvCells& cells) {
  return CostModel(
      cluster.topology.device, cluster.device_profile, cluster.network_profile, StackProfile{},
      measured_as_in_training(cells) ? Condition::kTraining : Condition::kShortBenchmark);
}

void predict(const TimedKernels& timed, const CostModel& costs, RowAnswer& answer) {
  double seconds = 0, uncertain = 0;
  answer.grade = Grade::kMeasured;
  for (const Kernel& kernel : timed.kernels) {
    const Cost cost = costs.kernel(kernel);
    seconds += cost.time.value();
    uncertain += cost.time.value() * cost.relative_sigma;  // one profile: off together
    answer.grade = worst(answer.grade, cost.grade);
  }
  answer.predicted_s = seconds;
  answer.relative_sigma = uncertain / seconds;
}

RowAnswer answer_kernel(KernelTable kind, const CsvTable& table, const CsvRecord& record,
                        RowLibrary& files) {
  const CsvCells cells(table, record);
  RowAnswer answer;
  answer.id = "line " + std::to_string(record.line);
  for (const char* label : {"source", "gpu", "dtype", "impl", "pass", "op", "layout"})
    answer.labels.emplace_back(label, cells.text(label));
  const std::optional<double> time_us = cells.number("time_us");
  const RowLibrary::Cluster* cluster = cluster_of(cells.text("gpu"), files);
  const TimedKernels timed = kernels_of(kind, cells);
  answer.skipped = timed.skipped;
  if (!time_us || *time_us <= 0) answer.skipped = "time_us was not published";
  if (!cluster) answer.skipped = "no device profile for GPU " + cells.text("gpu");
  if (!answer.skipped.empty()) return answer;
  answer.measured_s = *time_us * 1e-6;
  try {
    predict(timed, bare_costs(*cluster, cells), answer);
  } catch (const Error& error) {
    STEPCAST_CHECK(error.kind() == ErrorKind::kUnsupported, error.what());
    // Without the shape that the message names: rows are counted by reason.
    answer.skipped = "device profile \"" + cluster->device_profile.name + "\" has no " +
                     cells.text("dtype") + " model of this kernel";
  }
  return answer;
}

}  // namespace

std::vector<RowAnswer> answer_kernels(KernelTable kind, const CsvTable& table,
                                      const Library& library) {
  RowLibrary files(library);
  std::vector<RowAnswer> answers;
  for (const CsvRecord& record : table.records)
    answers.push_back(answer_kernel(kind, table, record, files));
  return answers;
}

}  // namespace stepcast
