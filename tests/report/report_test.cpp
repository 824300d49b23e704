#include "sim/report/report.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/report/small_report.h"

namespace stepcast {
namespace {

double sum(const std::vector<Share>& shares) {
  double seconds = 0;
  for (const Share& share : shares) seconds += share.time.value();
  return seconds;
}

double share_of(const std::vector<Share>& shares, const std::string& name) {
  for (const Share& share : shares)
    if (share.name == name) return share.time.value();
  return 0;
}

TEST(Report, SharesAreMeansOverRanksAndAddUpToTheStep) {
  const Report report = small_report().report();
  EXPECT_DOUBLE_EQ(share_of(report.compute, "gemm"), 4);     // 4 and 4
  EXPECT_DOUBLE_EQ(share_of(report.compute, "softmax"), 1);  // 2 and 0
  EXPECT_DOUBLE_EQ(share_of(report.idle, "tensor-parallel communication"), 2);
  EXPECT_DOUBLE_EQ(share_of(report.idle, "pipeline transfers"), 0.5);
  EXPECT_DOUBLE_EQ(share_of(report.idle, "pipeline bubble"), 1.5);  // 4 s of waiting less 1 s
  EXPECT_DOUBLE_EQ(share_of(report.idle, "waiting for the CPU"), 0.5);
  EXPECT_DOUBLE_EQ(share_of(report.idle, "waiting for the last rank"), 0.5);
  EXPECT_DOUBLE_EQ(sum(report.compute) + sum(report.idle), 10);
}

TEST(Report, SharesComeLargestFirstWithoutZeros) {
  const Report report = small_report().report();
  ASSERT_EQ(report.compute.size(), 2u);
  EXPECT_EQ(report.compute[0].name, "gemm");
  EXPECT_EQ(report.idle.front().name, "tensor-parallel communication");
}

TEST(Report, ClassesWeighAsManyRanksAsTheyHave) {
  SmallReport small = small_report();
  small.simulation.ranks[0].count = 12;  // 6 s of compute
  small.simulation.ranks[1].count = 4;   // 4 s
  EXPECT_DOUBLE_EQ(sum(small.report().compute), 5.5);
}

TEST(Report, TheIntervalComesFromComputeAndNetworkApart) {
  // Network: 2 s of tensor and 0.5 s of pipeline transfers, a quarter of the step, at 20 %; the
  // rest at 10 %. sqrt((0.75 * 0.1)^2 + (0.25 * 0.2)^2) = 0.0901; 90 % lie within 1.645 of that.
  const double sigma = std::sqrt(0.075 * 0.075 + 0.05 * 0.05);
  const Report report = small_report().report();
  EXPECT_DOUBLE_EQ(report.relative_sigma, sigma);
  EXPECT_DOUBLE_EQ(report.step_time_low.value(), 10 * (1 - 1.645 * sigma));
  EXPECT_DOUBLE_EQ(report.step_time_high.value(), 10 * (1 + 1.645 * sigma));
}

TEST(Report, KernelsThatWereNotMeasuredOnTheirDeviceWidenTheInterval) {
  // As above, and 15 % of 4 s on half of the ranks, 20 % of 5 s on the others: 0.8 s of 10 s.
  SmallReport small = small_report();
  small.simulation.ranks[0].unmeasured_sigma = Seconds(0.6);
  small.simulation.ranks[1].unmeasured_sigma = Seconds(1.0);
  EXPECT_DOUBLE_EQ(small.report().relative_sigma,
                   std::sqrt(0.075 * 0.075 + 0.05 * 0.05 + 0.08 * 0.08));
}

TEST(Report, AWideIntervalDoesNotReachBelowZero) {
  SmallReport small = small_report();
  small.scenario.stack.relative_sigma = 1;
  EXPECT_EQ(small.report().step_time_low, Seconds(0));
}

TEST(Report, TheGradeIsThatOfTheWorstPart) {
  SmallReport small = small_report();
  EXPECT_EQ(small.report().grade, Grade::kFitted);
  small.simulation.grade = Grade::kTransferred;
  EXPECT_EQ(small.report().grade, Grade::kTransferred);
  small.scenario.stack.grade = Grade::kAssumed;
  EXPECT_EQ(small.report().grade, Grade::kAssumed);
}

TEST(Report, AStackBeyondWhatItWasFittedOnIsGradedDownAndSaysSo) {
  SmallReport small = small_report();
  small.scenario.topology.device.generation = "hopper";
  small.scenario.training.precision = Dtype::kBf16;
  small.scenario.stack.relative_sigma = 0.05;
  small.scenario.stack.fitted_generations = {"ampere", "hopper"};
  small.scenario.stack.fitted_precisions = {Dtype::kFp16};
  const Report known = small.report();
  EXPECT_EQ(known.warning, "") << "fp16 and bf16 take the same kernels";
  EXPECT_EQ(known.grade, Grade::kFitted);
  small.scenario.stack.fitted_precisions = {Dtype::kFp8};
  const Report other_precision = small.report();
  EXPECT_NE(other_precision.warning.find("was fitted on ampere and hopper in fp8, and this is bf16 "
                                         "on hopper"),
            std::string::npos)
      << other_precision.warning;
  EXPECT_EQ(other_precision.grade, Grade::kTransferred);
  EXPECT_EQ(other_precision.step_time, known.step_time);
  EXPECT_GT(other_precision.relative_sigma, 2 * known.relative_sigma);
  small.scenario.stack.fitted_precisions = {};
  small.scenario.stack.fitted_generations = {"ampere"};
  EXPECT_EQ(small.report().grade, Grade::kTransferred);
}

TEST(Report, UtilisationCountsModelFlopsOnceAndHardwareFlopsAsExecuted) {
  const SmallReport small = small_report();
  const Report report = small.report();
  // Forward of a layer, per token: 2 * (4 + 8) h^2 = 24e6, attention 2 * 2 s h = 4e6, logits
  // 2 h V = 2e6: 30e6. Times three for training, 1e5 tokens: 9e12 flops in 10 s on 16e12 flop/s.
  EXPECT_NEAR(report.model_flops_utilization, 9e12 / 160e12, 1e-12);
  EXPECT_NEAR(report.achieved_per_gpu.value(), 9e12 / 160, 1);
  // Two GEMMs of 2e12 on each of 16 ranks.
  EXPECT_NEAR(report.hardware_flops_utilization, 16 * 2 * 2e12 / 160e12, 1e-12);
  EXPECT_DOUBLE_EQ(report.tokens_per_s, 1e4);
  EXPECT_DOUBLE_EQ(report.steps_per_trillion_tokens, 1e7);
}

TEST(Report, MoneyAndEnergyByHand) {
  const Report report = small_report().report();
  // Half of the time kernels run: 100 + (0.9 * 400 - 100) / 2 = 230 W per GPU. 16 GPUs and two
  // nodes of 1 kW: 5,680 W; with 1.25 of the facility 7,100 W.
  EXPECT_NEAR(report.average_power.value(), 7100, 1e-9);
  EXPECT_NEAR(report.energy_per_step.value(), 71'000, 1e-8);
  EXPECT_NEAR(report.electricity_per_step.value(), 0.0071, 1e-15);
  EXPECT_NEAR(report.rent_per_step.value(), 16 * 10 * 1.8 / 3600, 1e-15);
}

TEST(Report, AJobPaysItsPartOfTheHostOfASharedNode) {
  SmallReport small = small_report();
  small.scenario.topology.node.gpus = 64;
  small.scenario.topology.num_nodes = 1;
  // As above, but 16 of the 64 GPUs of one node of 1 kW: 16 * 230 W + 250 W, times 1.25.
  EXPECT_NEAR(small.report().average_power.value(), 1.25 * 3930, 1e-9);
}

TEST(Report, OfRanksThatShareGpusWorkAddsUp) {
  SmallReport small = small_report();
  small.scenario.topology.ranks_per_gpu = 2;
  small.simulation.ranks[0].work = Seconds(5);  // of 6 s beside others
  small.simulation.ranks[1].work = Seconds(3);
  const Report report = small.report();
  ASSERT_EQ(report.devices.size(), 1u);
  EXPECT_EQ(report.devices[0].gpus, 8);
  // 8 ranks of 5 s and 8 of 3 s on 8 GPUs: 8 of 10 s, 100 + (0.9 * 400 - 100) * 0.8 = 308 W each.
  EXPECT_DOUBLE_EQ(report.devices[0].compute.value(), 8);
  EXPECT_NEAR(report.average_power.value(), (8 * 308 + 2000) * 1.25, 1e-9);
  EXPECT_NEAR(report.rent_per_step.value(), 8 * 10 * 1.8 / 3600, 1e-15);
  EXPECT_NEAR(report.model_flops_utilization, 9e12 / 80e12, 1e-12);
  EXPECT_NEAR(report.achieved_per_gpu.value(), 9e12 / 80, 1);
  EXPECT_EQ(report.memory_capacity, Bytes{5'000'000'000});
}

TEST(MemoryReport, ReservedIsStaticPlusFragmentedPlusContext) {
  SmallReport small = small_report();
  small.scenario.stack.fragmentation = 1.25;
  small.scenario.stack.context_memory = Bytes{2'000'000'000};
  const Report report = memory_report(small.scenario, small.job);
  ASSERT_EQ(report.memory.size(), 1u);
  // 1 GB + 1.25 * 4 GB + 2 GB = 8 GB; sizes are rounded up to 512 bytes.
  EXPECT_NEAR(static_cast<double>(report.memory[0].reserved.value()), 8e9, 5e3);
  EXPECT_NEAR(static_cast<double>(report.memory[0].held.value()), 6e9, 5e3);
  EXPECT_NEAR(static_cast<double>(report.memory[0].peak.total.value()), 5e9, 5e3);
}

TEST(MemoryReport, SaysWhetherItFitsAndWhereItIsFullest) {
  SmallReport small = small_report();
  small.job.programs.push_back(small_program("stage 1 of 2"));
  small.job.programs[1].buffers[0].size = Bytes{2'000'000'000};  // 6 GB
  const auto fit = [&](std::int64_t capacity) {
    small.scenario.topology.device.memory_capacity = Bytes{capacity};
    return memory_report(small.scenario, small.job);
  };
  EXPECT_EQ(fit(10'000'000'000).fullest_stage, 1u);
  EXPECT_EQ(fit(10'000'000'000).fit, Fit::kFits);           // 0.6
  EXPECT_EQ(fit(7'000'000'000).fit, Fit::kTight);           // 0.857
  EXPECT_EQ(fit(5'990'000'000).fit, Fit::kDoesNotFit);      // 1.002
  EXPECT_EQ(fit(5'990'000'000).memory[0].fit, Fit::kFits);  // 5 of 5.99 GB
}

}  // namespace
}  // namespace stepcast
