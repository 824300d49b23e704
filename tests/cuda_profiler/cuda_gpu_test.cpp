// The profiler's view of a GPU, on an emulated one: that what is asked for happens. Its times say
// nothing.
#include "kernels/cuda_profiler/cuda_gpu.h"

#include <gtest/gtest.h>

#include <cstring>

#include "kernels/gpu_profiler/gpu_bench.h"
#include "kernels/gpu_profiler/gpu_stopwatch.h"
#include "sim/base/error.h"
#include "tests/support/small_kernels.h"

namespace stepcast {
namespace {

constexpr std::int64_t kBytes = 4096 * sizeof(float);

/// Memory of an emulated GPU is the host's.
float* floats(std::byte* memory) { return reinterpret_cast<float*>(memory); }

/// `bytes` of a GPU, all floats with one value.
std::byte* filled(CudaGpu& gpu, float value) {
  std::byte* const memory = gpu.allocate(kBytes);
  const std::vector<float> values(kBytes / sizeof(float), value);
  gpu.upload(std::as_bytes(std::span(values)), memory);
  return memory;
}

TEST(CudaGpu, SaysWhatItIs) {
  const CudaGpu gpu(0, {{"cublaslt", "130000"}});
  EXPECT_EQ(gpu.facts().name, "emulated GPU");
  EXPECT_EQ(gpu.facts().num_sms, 4);
  EXPECT_EQ(gpu.facts().major, 9);
  EXPECT_EQ(gpu.facts().l2_bytes, 1 << 20);
  EXPECT_EQ(gpu.facts().bus_id, "0000:00:00.0");
  EXPECT_EQ(gpu.facts().peers, 0);
  EXPECT_EQ(gpu.facts().versions.back(),
            (std::pair<std::string, std::string>("cublaslt", "130000")));
  EXPECT_NO_THROW(require_gpu(cuda_presence(), 0));
  EXPECT_THROW(require_gpu(cuda_presence(), 1), Error);
}

// y += x by any number of blocks: 1 + 3 passes of 0.5.
TEST(CudaGpu, AReductionAddsAsOftenAsItIsTold) {
  CudaGpu gpu(0, {});
  for (const int blocks : {1, 3}) {
    std::byte *const x = filled(gpu, 0.5F), *const y = filled(gpu, 1);
    gpu.reduce(GpuLane::kBeside, blocks, x, y, kBytes, 3);
    gpu.wait();
    for (std::size_t i = 0; i < kBytes / sizeof(float); ++i) ASSERT_EQ(floats(y)[i], 2.5F) << i;
  }
}

TEST(CudaGpu, AMessageIsCopiedByItsBlocks) {
  CudaGpu gpu(0, {});
  for (const int blocks : {1, 3}) {
    std::byte *const x = filled(gpu, 0.5F), *const y = filled(gpu, 1);
    gpu.move(GpuLane::kBeside, blocks, x, y, kBytes, 2);
    gpu.wait();
    EXPECT_EQ(std::memcmp(x, y, kBytes), 0);
  }
}

TEST(CudaGpu, CopiesAndRepeats) {
  CudaGpu gpu(0, {});
  std::byte *const x = filled(gpu, 7), *const y = filled(gpu, 0);
  gpu.copy(GpuLane::kMain, x, y, kBytes, 2);
  gpu.copy_to_host(GpuLane::kBeside, x, kBytes, 2);
  gpu.wait();
  EXPECT_EQ(std::memcmp(x, y, kBytes), 0);
  const std::vector<float> period = {1, 2, 3};
  std::byte* const from = gpu.allocate(12);
  gpu.upload(std::as_bytes(std::span(period)), from);
  gpu.repeat(from, 12, y, kBytes);
  for (std::size_t i = 0; i < kBytes / sizeof(float); ++i)
    ASSERT_EQ(floats(y)[i], period[i % 3]) << i;
}

TEST(CudaGpu, MarksAreMomentsInTheirOrder) {
  CudaGpu gpu(0, {});
  for (int i = 0; i < 2; ++i) {
    gpu.forget_marks();
    const GpuDevice::Mark from = gpu.mark(GpuLane::kMain);
    EXPECT_EQ(from, 0u);
    gpu.flush_cache(GpuLane::kMain);
    const GpuDevice::Mark to = gpu.mark(GpuLane::kMain);
    gpu.hold(GpuLane::kBeside, to);
    gpu.wait();
    EXPECT_GT(gpu.seconds(from, to), 0);
    EXPECT_LT(gpu.seconds(to, from), 0);
  }
}

/// No sensors: an emulated GPU has none.
class Nothing final : public GpuSensors {
 public:
  SensorReadings state() const override { return {}; }
  std::optional<std::vector<GpuProcess>> processes() const override { return std::nullopt; }
  std::string driver_version() const override { return ""; }
  std::vector<std::string> missing() const override { return {}; }
};

// Every kind of kernel of the catalogue that GPUs have, through the bench and the stopwatch, as a
// profile times them.
TEST(CudaGpu, KernelsOfTheCatalogueRunOnABenchsOperands) {
  CudaGpu gpu(0, {});
  std::vector<BenchCase> cases;
  for (const KernelInfo& row : kernel_table()) {
    if (row.family == KernelFamily::kConvolution || row.work.needs_own_time) {
      cases.push_back(default_case(small_kernel(row)));
      continue;
    }
    if (row.family != KernelFamily::kMemoryBound && row.family != KernelFamily::kGemm) continue;
    const bool flat = num_dims(row) == 1;
    cases.push_back(default_case(
        {.kind = row.kind,
         .dtype = Dtype::kBf16,
         .dims = {flat ? 1024 : 32, flat ? 0 : 64, row.dim_names[2].empty() ? 0 : 32}}));
  }
  GpuBench bench(gpu, cases);
  const Nothing sensors;
  GpuWatch watch(sensors, {});
  const SystemClock clock;
  const HostTime host{.clock = clock, .sleep = [](double) {}};
  GpuStopwatch stopwatch(gpu, watch, host, nullptr);
  for (const BenchCase& one : cases) {
    ASSERT_EQ(bench.refusal(one.kernel), "") << to_text(one.kernel);
    const Trial trial = bench.trial(one.kernel);
    EXPECT_GT(stopwatch.sample(trial, 0, 1).seconds, 0) << to_text(one.kernel);
    EXPECT_TRUE(stopwatch.works()) << stopwatch.failure();
  }
}

}  // namespace
}  // namespace stepcast
