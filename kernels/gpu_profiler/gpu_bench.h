// The kernels of a GPU, to be run over and over: the launchers of live mode.
#pragma once

#include <memory>
#include <vector>

#include "kernels/gpu_profiler/gpu_device.h"
#include "kernels/profiler/bench_case.h"
#include "kernels/profiler/bench_placement.h"
#include "kernels/profiler/profile_run.h"

namespace stepcast {

/// Inputs are random numbers in (-1, 1), what is written to begins as random numbers in [0, 1);
/// Adam's learning rate is 0. Each run takes the next of several distinct sets of operands, which
/// together exceed the last cache.
class GpuBench final : public KernelBench {
 public:
  /// Takes memory for the largest of `cases` that fits; what does not, and kernels that are not
  /// among them, are refused. Throws what the device throws.
  GpuBench(GpuDevice& device, std::vector<BenchCase> cases);
  ~GpuBench() override;

  std::string refusal(const Kernel& kernel) const override;
  Trial trial(const Kernel& kernel) override;
  /// What is best to put the GPU under load: a large product on tensor cores that is over within
  /// milliseconds, else another product, else the kernel of most traffic. Null when all are
  /// refused.
  const BenchCase* heaviest() const;

 private:
  struct Memory;
  const BenchCase* find(const Kernel& kernel) const;
  bool fits(const BenchCase& bench_case) const;  ///< one of cases_
  BenchBlocks take_what_fits();
  std::int64_t turns_of(const BenchCase& bench_case) const;

  GpuDevice& device_;
  std::vector<BenchCase> cases_;
  std::vector<bool> fits_;  ///< by case
  std::int64_t room_;       ///< bytes for operands
  std::unique_ptr<Memory> memory_;
};

}  // namespace stepcast
