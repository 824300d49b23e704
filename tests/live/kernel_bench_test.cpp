// Kernels that only say that they were called: which ones a bench runs, and in which order.
#include "kernels/live/kernel_bench.h"

#include <gtest/gtest.h>

#include <vector>

#include "kernels/live/batch_source.h"
#include "kernels/live/program_bench.h"
#include "tests/live/train.h"

namespace stepcast::live_test {
namespace {

std::vector<const Kernel*> called;
void remember(const Launch& launch) { called.push_back(&launch.kernel); }

std::vector<Launcher> remembering_launchers() {
  return std::vector<Launcher>(reference_launchers().size(), remember);
}

/// A bench over the recorded step of one rank.
class KernelBenchTest : public ::testing::Test {
 protected:
  void with_bench(const std::function<void(KernelBench&, const JobPieces&)>& test) {
    const TinyTraining tiny;
    job_ = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
    const JobPieces pieces = pieces_of(job_);
    ThreadGroup group({.ranks = 1, .mailbox_bytes = 1 << 16});
    group.run([&](RankContext& context) {
      const LiveRank rank = connect(job_, context, kPlainLoops);
      StepRecorder recorder(job_.programs.front(), context, *rank.device);
      Executor executor(job_.programs.front(), rank, {.observer = &recorder});
      recorder.record_memory(true);
      recorder.begin_step(1);
      executor.run_step(CountingTask(20, 7));
      const auto launchers = remembering_launchers();
      CpuDevice remembering(launchers);
      const AdamSettings adam;
      KernelBench bench(pieces.kernels, recorder, remembering, adam, find_core_share(*rank.world));
      called.clear();
      test(bench, pieces);
      return 0;
    });
  }

  /// Of the step, in its order.
  std::vector<const Kernel*> kernels_of_step() const {
    std::vector<const Kernel*> kernels;
    const Program& program = job_.programs.front();
    for (const Call& call : program.calls)
      for (const Op& op : program.blocks[call.block].ops)
        if (const auto* compute = std::get_if<Compute>(&op.what))
          kernels.push_back(&compute->kernel);
    return kernels;
  }

  Job job_;
};

TEST_F(KernelBenchTest, WalksTheKernelsOfAStepInItsOrder) {
  with_bench([this](KernelBench& bench, const JobPieces& pieces) {
    bench.walk();
    EXPECT_EQ(called, kernels_of_step());
    EXPECT_EQ(bench.take_in_place().size(), pieces.kernels.size());
    EXPECT_EQ(bench.take_in_place(), std::vector<double>(pieces.kernels.size()))
        << "walks were not forgotten";
  });
}

TEST_F(KernelBenchTest, WarmKernelsComeAgainAndAgainAndColdOnesOnce) {
  with_bench([](KernelBench& bench, const JobPieces& pieces) {
    EXPECT_EQ(bench.warm().size(), pieces.kernels.size());
    std::size_t changes = 1;
    for (std::size_t i = 1; i < called.size(); ++i) changes += called[i] != called[i - 1];
    EXPECT_EQ(changes, pieces.kernels.size());
    EXPECT_GE(called.size(), 4 * pieces.kernels.size());
    called.clear();
    EXPECT_EQ(bench.cold().size(), pieces.kernels.size());
    EXPECT_EQ(called.size(), pieces.kernels.size());
  });
}

}  // namespace
}  // namespace stepcast::live_test
