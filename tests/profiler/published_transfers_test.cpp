// How far kernels of a GPU are off when they are told from the profile of another, against
// published timings: the tables of kernels/README.md.
//
//   STEPCAST_KERNEL_TABLES=FOLDER build/tests/test_profiler --gtest_filter='PublishedTransfers*'
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <iostream>

#include "kernels/profiler/anchored_transfer.h"
#include "sim/stepcast.h"
#include "tests/profiler/published_rows.h"

namespace stepcast {
namespace {

const Library kShipped{STEPCAST_SOURCE_DIR};
constexpr std::size_t kAnchors = 10;
constexpr double kSigmasOf90Percent = 1.645;

/// One row of a table: kernels that were timed together.
struct Row {
  std::vector<Kernel> kernels;
  Seconds time;
  Condition condition = Condition::kShortBenchmark;
};

/// A GPU with its shipped profile and what was published of it.
struct Gpu {
  DeviceProfile profile;
  Device device;
  std::vector<Row> rows;
};

Gpu gpu_of(const std::string& name) {
  Gpu gpu{.profile = load_device_profile(name, kShipped), .device = {}, .rows = {}};
  gpu.device = load_device(gpu.profile.device, kShipped);
  return gpu;
}

CsvTable table_of(const std::string& file) {
  return read_csv_file(std::string(std::getenv("STEPCAST_KERNEL_TABLES")) + "/" + file);
}

/// Products with m, n, k >= 512, as fp16: the rate is that of bf16, and V100 has no other.
std::vector<Gpu> with_products() {
  const CsvTable table = table_of("gemm.csv");
  std::vector<Gpu> gpus;
  for (const Campaign& campaign : published_campaigns()) {
    gpus.push_back(gpu_of(campaign.profile));
    for (TimedKernel one : rows_of(campaign, table, 512)) {
      one.kernel.dtype = Dtype::kFp16;
      gpus.back().rows.push_back({{one.kernel}, one.time, one.condition});
    }
  }
  return gpus;
}

/// Memory-bound kernels differ most by who wrote them: those count that the profile has a model of.
bool is_modelled(const Kernel& kernel, const DeviceProfile& profile) {
  return info(kernel.kind).family != KernelFamily::kMemoryBound ||
         std::ranges::any_of(profile.memory_kernels,
                             [&](const auto& model) { return model.kind == kernel.kind; });
}

/// Rows of `table` that `wanted` takes, of the named GPUs.
std::vector<Gpu> with_rows(const CsvTable& table, TimedKernels (*kernels_of)(const CsvCells&),
                           const std::vector<std::pair<std::string, std::string>>& names,
                           const std::function<bool(const CsvCells&)>& wanted) {
  std::vector<Gpu> gpus;
  for (const auto& [profile, gpu] : names) {
    gpus.push_back(gpu_of(profile));
    for (const CsvRecord& record : table.records) {
      const CsvCells cells(table, record);
      if (cells.text("gpu") != gpu || !cells.number("time_us") || !wanted(cells)) continue;
      const TimedKernels row = kernels_of(cells);
      if (row.kernels.empty() || !is_modelled(row.kernels.front(), gpus.back().profile)) continue;
      gpus.back().rows.push_back({row.kernels, Seconds(*cells.number("time_us") * 1e-6)});
    }
  }
  return gpus;
}

/// FlashAttention-2, the one implementation that was timed on three of the GPUs.
std::vector<Gpu> with_attention() {
  return with_rows(
      table_of("attention.csv"), attention_kernels,
      {{"a100-80g", "A100-SXM4-80GB"}, {"h100", "H100-SXM5-80GB"}, {"l40s", "L40S"}},
      [](const CsvCells& cells) {
        const std::string source = cells.text("source");
        return cells.text("impl") == "FA2" &&
               (source.starts_with("flash-attention/flash2") || source.starts_with("aiconfig"));
      });
}

/// Kernels of training libraries that move 32 MB or more, in tensors that the cache does not hold.
std::vector<Gpu> with_memory_kernels() {
  return with_rows(table_of("memory_ops.csv"), memory_kernels,
                   {{"h100", "H100-SXM5-80GB"},
                    {"h200", "H200-SXM-141GB"},
                    {"b200", "GB200"}},  // memory of the same rate
                   [](const CsvCells& cells) {
                     const std::string source = cells.text("source");
                     return (source == "Liger-Kernel" || source.starts_with("cudnn-frontend")) &&
                            cells.number("bytes").value_or(0) >= 32e6;
                   });
}

/// Some ten rows spread over the table, and the others.
std::vector<Row> anchors_or_others(const std::vector<Row>& rows, bool anchors) {
  const std::size_t step = std::max<std::size_t>(1, rows.size() / kAnchors);
  std::vector<Row> some;
  for (std::size_t i = 0; i < rows.size(); ++i)
    if ((i % step == 0 && i / step < kAnchors) == anchors) some.push_back(rows[i]);
  return some;
}

/// Those of one condition, since a list of anchors has one.
std::vector<MeasuredKernel> anchors_of(const Gpu& gpu) {
  std::vector<MeasuredKernel> anchors;
  for (const Row& row : anchors_or_others(gpu.rows, true))
    if (row.condition == gpu.rows.front().condition)
      anchors.push_back({row.kernels.front(), row.time});
  return anchors;
}

/// Errors of a profile, and how many measured times lie in its 90 % interval.
struct Judged {
  std::vector<double> errors;
  std::size_t inside = 0;
};

Judged judge(const DeviceProfile& profile, const Device& device, const std::vector<Row>& rows) {
  Judged judged;
  for (const Row& row : rows) {
    const CostModel costs(device, profile, ideal_network_profile(), StackProfile{}, row.condition);
    double seconds = 0, sigma = 0;
    for (const Kernel& kernel : row.kernels) {
      const Cost cost = costs.kernel(kernel);
      seconds += cost.time.value();
      sigma += cost.time.value() * cost.relative_sigma;
    }
    judged.errors.push_back(seconds / row.time.value() - 1);
    judged.inside += std::abs(row.time.value() - seconds) < kSigmasOf90Percent * sigma;
  }
  return judged;
}

/// How many of all times lay in the intervals that were given for them.
struct Share {
  std::size_t inside = 0, rows = 0;
  void add(const Judged& judged) {
    inside += judged.inside;
    rows += judged.errors.size();
  }
  void expect_at_least(double least, const std::string& what) const {
    const double share = static_cast<double>(inside) / static_cast<double>(rows);
    std::cout << what << ": " << 100 * share << " % of " << rows
              << " times lie in the 90 % interval\n";
    EXPECT_GT(share, least) << what;
    EXPECT_LT(share, 0.97) << what;
  }
};

/// Prints a line for each pair: without anchors, with them when asked for, and the target's own
/// profile, which saw most of these rows.
void expect_honest_intervals(const std::vector<Gpu>& gpus, bool with_anchors, double least) {
  Share plain, anchored;
  for (const Gpu& to : gpus) {
    ASSERT_FALSE(to.rows.empty()) << to.profile.name;
    const std::vector<Row> rows = with_anchors ? anchors_or_others(to.rows, false) : to.rows;
    for (const Gpu& from : gpus) {
      if (&from == &to) continue;
      const auto judged_with = [&](const std::vector<MeasuredKernel>& anchors) {
        return judge(transfer_anchored(from.profile, from.device, to.device, anchors,
                                       to.rows.front().condition),
                     to.device, rows);
      };
      plain.add(judged_with({}));
      std::cout << "| " << from.profile.name << " | " << to.profile.name << " | " << rows.size()
                << " | " << shown(summarize(judged_with({}).errors));
      if (with_anchors) {
        anchored.add(judged_with(anchors_of(to)));
        std::cout << " | " << shown(summarize(judged_with(anchors_of(to)).errors));
      }
      std::cout << " | " << shown(summarize(judge(to.profile, to.device, rows).errors)) << " |\n";
    }
  }
  plain.expect_at_least(least, "transferred");
  if (with_anchors) anchored.expect_at_least(least, "with ten anchors");
}

class PublishedTransfers : public testing::Test {
 protected:
  void SetUp() override {
    if (!published_products()) GTEST_SKIP() << kNoTables;
  }
};

TEST_F(PublishedTransfers, IntervalsOfProductsHold) {
  expect_honest_intervals(with_products(), true, 0.85);
}
TEST_F(PublishedTransfers, IntervalsOfAttentionHold) {
  expect_honest_intervals(with_attention(), false, 0.85);
}
TEST_F(PublishedTransfers, IntervalsOfMemoryBoundKernelsHold) {
  // With the GPU's own profile it is 77 %: kernels of one name differ by who wrote them.
  expect_honest_intervals(with_memory_kernels(), false, 0.77);
}

}  // namespace
}  // namespace stepcast
