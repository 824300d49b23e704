// The kernels of the CPU ranks, to be run over and over: on one core, the launchers of live mode.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "kernels/live/launch.h"
#include "kernels/profiler/bench_case.h"
#include "kernels/profiler/profile_run.h"

namespace stepcast {

/// Inputs are random numbers in [0, 1) from memory that nothing is written to, so that nothing
/// drifts to infinity however often a kernel runs; Adam's learning rate is 0. Each run takes the
/// next of several distinct sets of operands, as the layers of a step do: together they exceed the
/// second cache. Denormals are flushed to zero, as in live ranks.
class CpuBench final : public KernelBench {
 public:
  /// Takes memory for the largest of `cases`; kernels that are not among them are refused.
  CpuBench(LauncherTable launchers, std::vector<BenchCase> cases);
  ~CpuBench() override;

  std::string refusal(const Kernel& kernel) const override;
  Trial trial(const Kernel& kernel) override;
  /// What the kernel works on in one of its turns.
  std::vector<LiveOperand> operands_of(const Kernel& kernel, std::size_t turn) const;

 private:
  struct Pool;
  const BenchCase* find(const Kernel& kernel) const;
  std::vector<std::vector<LiveOperand>> placed(const BenchCase& bench_case) const;

  LauncherTable launchers_;
  std::vector<BenchCase> cases_;
  std::unique_ptr<Pool> pool_;
};

}  // namespace stepcast
