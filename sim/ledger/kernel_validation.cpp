#include "sim/ledger/kernel_validation.h"

#include <array>
#include <map>
#include <string>

#include "sim/ledger/kernel_rows.h"
#include "sim/scenario/scenario.h"

namespace stepcast {
namespace {

/// A GPU of published tables: the device that is this very part, and the profile that serves it.
struct GpuName {
  std::string_view gpu;
  std::string_view device;
  std::string_view profile;
};
constexpr std::array<GpuName, 17> kGpus{{
    {"P100", "P100-SXM2-16GB", "p100"},
    {"V100-SXM2-16GB", "V100-SXM2-16GB", "v100"},
    {"V100-PCIe-32GB", "V100-PCIe-32GB", "v100-pcie"},
    {"T4", "T4", "t4"},
    {"A100-SXM4-40GB", "A100-SXM-40GB", "a100-40g"},
    {"A100-40GB", "A100-SXM-40GB", "a100-40g"},
    {"A100-SXM4-80GB", "A100-SXM-80GB", "a100-80g"},
    {"A100-80GB", "A100-SXM-80GB", "a100-80g"},
    {"A100-PCIe-80GB", "A100-PCIe-80GB", "a100-80g"},
    {"H100-SXM5-80GB", "H100-SXM-80GB", "h100"},
    {"H100-SXM", "H100-SXM-80GB", "h100"},
    {"H200-SXM-141GB", "H200-SXM-141GB", "h200"},
    {"H200-SXM", "H200-SXM-141GB", "h200"},
    {"B200-SXM", "B200-SXM-180GB", "b200"},
    {"GB200", "GB200", "b200"},
    {"GB300", "GB300", "gb300"},
    {"L40S", "L40S", "l40s"},
}};

struct Gpu {
  Device device;
  DeviceProfile profile;
};

/// Devices and profiles that rows name, each read once.
class GpuLibrary {
 public:
  explicit GpuLibrary(const Library& library) : library_(library) {}

  const Gpu* find(const std::string& name) {  ///< null: not shipped
    if (const auto at = gpus_.find(name); at != gpus_.end()) return &at->second;
    for (const GpuName& row : kGpus)
      if (row.gpu == name) return &gpus_.emplace(name, load(row)).first->second;
    return nullptr;
  }

 private:
  Gpu load(const GpuName& row) const {
    return {.device = load_device(std::string(row.device), library_),
            .profile = load_device_profile(std::string(row.profile), library_)};
  }

  const Library& library_;
  std::map<std::string, Gpu> gpus_;
};

TimedKernels kernels_of(KernelTable kind, const CsvCells& cells) {
  switch (kind) {
    case KernelTable::kGemm:
      return gemm_kernels(cells);
    case KernelTable::kAttention:
      return attention_kernels(cells);
    case KernelTable::kMemoryOps:
      return memory_kernels(cells);
    case KernelTable::kConvolutions:
      return convolutions(cells);
  }
  throw InternalError("unhandled kind of kernel table");
}

/// The device alone: no stack makes its kernels slower, and attention is the row's.
CostModel bare_costs(const Gpu& gpu, const CsvCells& cells) {
  StackProfile stack;
  stack.attention_implementation = attention_implementation(cells);
  return CostModel(
      gpu.device, gpu.profile, ideal_network_profile(), stack,
      measured_as_in_training(cells) ? Condition::kTraining : Condition::kShortBenchmark);
}

/// Why the profile has nothing to say of the row; empty when it has. Another implementation of
/// attention, which would stand in for a stack's, says nothing of this one.
std::string unknown_attention(const DeviceProfile& profile, const TimedKernels& timed,
                              const CsvCells& cells) {
  const std::string implementation = attention_implementation(cells);
  for (const Kernel& kernel : timed.kernels)
    if (info(kernel.kind).family == KernelFamily::kAttention &&
        !find_attention(profile, kernel.dtype, implementation))
      return "device profile \"" + profile.name + "\" has no " +
             std::string(name_of(kernel.dtype)) + " model of attention " + implementation;
  return "";
}

void predict(const TimedKernels& timed, const Gpu& gpu, const CsvCells& cells, RowAnswer& answer) {
  std::vector<Cost> costs;
  const CostModel model = bare_costs(gpu, cells);
  for (const Kernel& kernel : timed.kernels) costs.push_back(model.kernel(kernel));
  double seconds = 0, uncertain = 0;
  answer.grade = Grade::kMeasured;
  for (const Cost& cost : costs) {
    seconds += cost.time.value();
    uncertain += cost.time.value() * cost.relative_sigma;  // one profile: off together
    answer.grade = worst(answer.grade, cost.grade);
  }
  answer.predicted_s = seconds;
  answer.relative_sigma = uncertain / seconds;
}

/// What a profile has a model of each: a GPU's implementation of attention, or its convolutions of
/// a type; by pass, whose rates differ.
std::string kernels_label(KernelTable kind, const CsvCells& cells) {
  if (kind == KernelTable::kAttention)
    return cells.text("gpu") + " " + attention_implementation(cells);
  if (kind == KernelTable::kConvolutions)
    return cells.text("gpu") + " " + cells.text("dtype") + " " + cells.text("pass");
  return "";
}

RowAnswer answer_kernel(KernelTable kind, const CsvTable& table, const CsvRecord& record,
                        GpuLibrary& files) {
  const CsvCells cells(table, record);
  RowAnswer answer;
  answer.id = "line " + std::to_string(record.line);
  for (const char* label : {"source", "gpu", "dtype", "impl", "pass", "op", "layout"})
    answer.labels.emplace_back(label, cells.text(label));
  answer.labels.emplace_back("kernels", kernels_label(kind, cells));
  const std::optional<double> time_us = cells.number("time_us");
  const Gpu* gpu = files.find(cells.text("gpu"));
  const TimedKernels timed = kernels_of(kind, cells);
  answer.skipped = timed.skipped;
  if (gpu && timed.skipped.empty()) answer.skipped = unknown_attention(gpu->profile, timed, cells);
  if (!time_us || *time_us <= 0) answer.skipped = "time_us was not published";
  if (!gpu) answer.skipped = "no device profile for GPU " + cells.text("gpu");
  if (!answer.skipped.empty()) return answer;
  answer.measured_s = *time_us * 1e-6;
  try {
    predict(timed, *gpu, cells, answer);
  } catch (const Error& error) {
    STEPCAST_CHECK(error.kind() == ErrorKind::kUnsupported, error.what());
    // Without the shape that the message names: rows are counted by reason.
    answer.skipped = "device profile \"" + gpu->profile.name + "\" has no " + cells.text("dtype") +
                     " model of this kernel";
  }
  return answer;
}

}  // namespace

std::vector<RowAnswer> answer_kernels(KernelTable kind, const CsvTable& table,
                                      const Library& library) {
  GpuLibrary files(library);
  std::vector<RowAnswer> answers;
  for (const CsvRecord& record : table.records)
    answers.push_back(answer_kernel(kind, table, record, files));
  return answers;
}

}  // namespace stepcast
