#include "kernels/gpu_profiler/gpu_bench.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <random>
#include <tuple>

#include "kernels/cpu/element.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr std::int64_t kMostTurns = 16;
/// Bytes of random numbers, which are repeated over the device.
constexpr std::int64_t kPeriod = 4 << 20;
/// Of free memory, for operands. The rest is scratch memory of kernels and of the libraries.
constexpr double kShareOfMemory = 0.8;
/// Of the best load: several run within the milliseconds in which power limits act.
constexpr double kLoadFlops = 1e12;

std::string gigabytes(std::int64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GB", static_cast<double>(bytes) / 1e9);
  return text;
}

std::int64_t numbers_of(const BenchBlocks& blocks) {
  return blocks.inputs + blocks.outputs + blocks.codes;
}

/// Random bf16 numbers, `signed_ones` in (-1, 1), else in [0, 1). Two of them read as one fp32 are
/// a number like the second, and as fp16 all are numbers too. Of bytes read as fp8 a few are NaN,
/// which costs tensor cores no time.
std::vector<Bf16> random_numbers(bool signed_ones) {
  std::minstd_rand random(signed_ones ? 1 : 2);  // the same numbers on every machine
  std::vector<Bf16> numbers(kPeriod / sizeof(Bf16));
  for (Bf16& number : numbers) {
    const float positive = static_cast<float>(random() % 65'536) / 65'536.0F;
    store(number, signed_ones ? 2 * positive - 1 : positive);
  }
  return numbers;
}

}  // namespace

struct GpuBench::Memory {
  std::byte *inputs = nullptr, *outputs = nullptr, *codes = nullptr, *masks = nullptr,
            *ones = nullptr;
  std::vector<std::int32_t> ids;  ///< random, without a limit; a case makes its own of them
};

GpuBench::GpuBench(GpuDevice& device, std::vector<BenchCase> cases)
    : device_(device),
      cases_(std::move(cases)),
      room_(static_cast<std::int64_t>(kShareOfMemory * static_cast<double>(device.free_bytes()))),
      memory_(std::make_unique<Memory>()) {
  const BenchBlocks blocks = take_what_fits();
  const auto fill = [&](std::byte*& block, std::int64_t bytes, bool signed_ones) {
    if (bytes == 0) return;
    block = device_.allocate(bytes);
    const std::vector<Bf16> numbers = random_numbers(signed_ones);
    std::byte* const period = device_.allocate(kPeriod);
    device_.upload(std::as_bytes(std::span(numbers)), period);
    device_.repeat(period, kPeriod, block, bytes);
  };
  fill(memory_->inputs, blocks.inputs, true);
  fill(memory_->outputs, blocks.outputs, false);
  fill(memory_->codes, blocks.codes, true);
  memory_->ids.resize(static_cast<std::size_t>(blocks.ids));
  std::minstd_rand random(3);
  std::ranges::generate(memory_->ids,
                        [&] { return static_cast<std::int32_t>(random() & 0x3fffffff); });
  const std::vector<std::byte> ones(
      static_cast<std::size_t>(std::max<std::int64_t>(blocks.masks, 1)), std::byte{1});
  memory_->masks = device_.allocate(static_cast<std::int64_t>(ones.size()));
  device_.upload(ones, memory_->masks);
  const std::array<float, kMostOnes> fp32_ones{1, 1};
  memory_->ones = device_.allocate(sizeof fp32_ones);
  device_.upload(std::as_bytes(std::span(fp32_ones)), memory_->ones);
}

GpuBench::~GpuBench() = default;

/// As many as the last cache does not hold; one where a single set exceeds it.
std::int64_t GpuBench::turns_of(const BenchCase& bench_case) const {
  const std::int64_t bytes = std::max<std::int64_t>(bench_case.bytes(), 1);
  return std::clamp<std::int64_t>(2 * device_.facts().l2_bytes / bytes + 1, 1, kMostTurns);
}

/// The largest inputs and the largest outputs are there at the same time. Smaller cases first: each
/// that still fits is taken.
BenchBlocks GpuBench::take_what_fits() {
  std::vector<std::pair<std::int64_t, std::size_t>> by_size;
  for (std::size_t i = 0; i < cases_.size(); ++i)
    by_size.emplace_back(numbers_of(blocks_of(cases_[i], turns_of(cases_[i]))), i);
  std::ranges::sort(by_size);
  BenchBlocks taken;
  fits_.assign(cases_.size(), false);
  for (const auto& [size, i] : by_size) {
    BenchBlocks more = taken;
    more.raise_to(blocks_of(cases_[i], turns_of(cases_[i])));
    if (numbers_of(more) > room_) continue;
    taken = more;
    fits_[i] = true;
  }
  return taken;
}

bool GpuBench::fits(const BenchCase& bench_case) const {
  return fits_[static_cast<std::size_t>(&bench_case - cases_.data())];
}

const BenchCase* GpuBench::find(const Kernel& kernel) const {
  const auto at = std::find_if(cases_.begin(), cases_.end(),
                               [&](const BenchCase& one) { return one.kernel == kernel; });
  return at == cases_.end() ? nullptr : &*at;
}

std::string GpuBench::refusal(const Kernel& kernel) const {
  const BenchCase* const found = find(kernel);
  if (found == nullptr) return "was not announced to the bench";
  if (device_.launchers()[static_cast<std::size_t>(kernel.kind)] == nullptr)
    return "has no kernel for GPUs here";
  if (!fits(*found))
    return "needs " + gigabytes(numbers_of(blocks_of(*found, turns_of(*found)))) +
           " of GPU memory for its operands; there is room for " + gigabytes(room_);
  return "";
}

Trial GpuBench::trial(const Kernel& kernel) {
  const BenchCase* const found = find(kernel);
  STEPCAST_CHECK(found != nullptr && fits(*found),
                 "a kernel that the bench refuses is to be timed");
  const auto elements = static_cast<std::size_t>(blocks_of(*found, 1).ids);
  std::byte* ids = nullptr;
  if (elements > 0) {
    const std::vector<std::int32_t> limited = ids_of(*found, memory_->ids, elements);
    ids = device_.allocate(static_cast<std::int64_t>(elements * sizeof(std::int32_t)));
    device_.upload(std::as_bytes(std::span(limited)), ids);
  }
  auto turns = std::make_shared<const std::vector<std::vector<LiveOperand>>>(
      place_operands(*found, turns_of(*found),
                     {.wide_inputs = memory_->inputs,
                      .half_inputs = memory_->inputs,
                      .wide_outputs = memory_->outputs,
                      .half_outputs = memory_->outputs,
                      .ids = ids,
                      .masks = memory_->masks,
                      .codes = memory_->codes,
                      .ones = memory_->ones}));
  const int count = static_cast<int>(turns->size());
  GpuDevice& device = device_;
  return {.run =
              [found, turns, &device](int turn) {
                device.launch(GpuLane::kMain, {.kernel = found->kernel,
                                               .arguments = found->arguments,
                                               .operands = (*turns)[static_cast<std::size_t>(turn)],
                                               .adam = still_settings(found->kernel)});
              },
          .turns = count};
}

const BenchCase* GpuBench::heaviest() const {
  const auto weight = [](const BenchCase& one) {
    const bool product = info(one.kernel.kind).family == KernelFamily::kGemm;
    const bool tensor_cores = product && size_of(one.kernel.dtype) == 2;
    const double flops = product ? flops_of(one.kernel).value() : 0;
    const double near = flops <= kLoadFlops ? flops : kLoadFlops * (kLoadFlops / flops);
    return std::tuple(tensor_cores, near, one.bytes());
  };
  const BenchCase* best = nullptr;
  for (const BenchCase& one : cases_)
    if (refusal(one.kernel).empty() && (best == nullptr || weight(*best) < weight(one)))
      best = &one;
  return best;
}

}  // namespace stepcast
