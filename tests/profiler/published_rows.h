// Published timings of products, for tests that hold fits and transfers against them. They are not
// part of the repository: STEPCAST_KERNEL_TABLES names a folder that has gemm.csv (columns in
// tests/validation/README.md).
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/profiler/profile_fit.h"
#include "sim/base/quantity_text.h"
#include "sim/ledger/csv.h"
#include "sim/ledger/kernel_rows.h"
#include "sim/ledger/statistics.h"

namespace stepcast {

/// Rows of one GPU and type, of the campaigns that its shipped profile was fitted to.
struct Campaign {
  std::string profile, gpu;
  Dtype dtype;
  std::vector<std::string> sources;
};
inline void PrintTo(const Campaign& campaign, std::ostream* out) { *out << campaign.profile; }

inline const std::vector<Campaign>& published_campaigns() {
  static const std::vector<std::string> serving = {"aiconfigurator/sglang", "aiconfigurator/trtllm",
                                                   "aiconfigurator/vllm"};
  static const std::vector<Campaign> campaigns = {
      {"v100", "V100-SXM2-16GB", Dtype::kFp16, {"DeepBench"}},
      {"a100-80g", "A100-SXM4-80GB", Dtype::kBf16, serving},
      {"h100", "H100-SXM5-80GB", Dtype::kBf16, serving},
      {"h200", "H200-SXM-141GB", Dtype::kBf16, serving},
      {"b200", "B200-SXM", Dtype::kBf16, serving},
      {"l40s", "L40S", Dtype::kBf16, serving},
  };
  return campaigns;
}

/// Nothing when STEPCAST_KERNEL_TABLES is not set.
inline std::optional<CsvTable> published_products() {
  const char* folder = std::getenv("STEPCAST_KERNEL_TABLES");
  if (folder == nullptr) return std::nullopt;
  return read_csv_file(std::string(folder) + "/gemm.csv");
}

inline constexpr const char* kNoTables =
    "STEPCAST_KERNEL_TABLES names no folder with gemm.csv: nothing is held against published "
    "timings";

inline bool is_of(const Campaign& campaign, const CsvCells& cells) {
  const std::string source = cells.text("source"), layout = cells.text("layout");
  return cells.text("gpu") == campaign.gpu && cells.text("dtype") == name_of(campaign.dtype) &&
         (layout == "TN" || layout == "NN") && cells.integer("batch").value_or(1) == 1 &&
         std::any_of(campaign.sources.begin(), campaign.sources.end(),
                     [&](const std::string& begin) { return source.starts_with(begin); });
}

inline std::int64_t shortest_side(const Kernel& kernel) {
  return std::min({kernel.dims[0], kernel.dims[1], kernel.dims[2]});
}

/// Products whose sides are all of at least `shortest`, in the order of the table.
inline std::vector<TimedKernel> rows_of(const Campaign& campaign, const CsvTable& table,
                                        std::int64_t shortest) {
  std::vector<TimedKernel> timed;
  for (const CsvRecord& record : table.records) {
    const CsvCells cells(table, record);
    if (!is_of(campaign, cells) || !cells.number("time_us")) continue;
    const TimedKernels row = gemm_kernels(cells);
    if (row.kernels.empty() || shortest_side(row.kernels[0]) < shortest) continue;
    timed.push_back({.kernel = row.kernels[0],
                     .time = Seconds(*cells.number("time_us") * 1e-6),
                     .condition = measured_as_in_training(cells) ? Condition::kTraining
                                                                 : Condition::kShortBenchmark});
  }
  return timed;
}

/// "4.1 % | 13.2 % | -0.8 %": median, 90 % quantile, bias.
inline std::string shown(const ErrorSummary& error) {
  const auto percent = [](double fraction) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100 * fraction);
    return std::string(text);
  };
  return percent(error.median_abs) + " | " + percent(error.p90_abs) + " | " +
         (error.bias < 0 ? "" : "+") + percent(error.bias);
}

}  // namespace stepcast
