// A scenario, a job and a simulation put together by hand, in figures that are easy to add up.
#pragma once

#include <utility>

#include "sim/program/builder.h"
#include "sim/report/report.h"

namespace stepcast {

/// One program: 1 GB of weights, and per microbatch 2 GB of activations and a GEMM of 2e12 flops;
/// 2 microbatches in flight. Peak 1 + 2 * 2 = 5 GB.
inline Program small_program(const std::string& name) {
  ProgramBuilder builder(name, 2);
  const BufferId weights = builder.resident("layer0.weight", Bytes{1'000'000'000}, Dtype::kBf16,
                                            BufferCategory::kParameters);
  const BufferId x =
      builder.buffer("layer0.x", Bytes{2'000'000'000}, Dtype::kBf16, BufferCategory::kActivations);
  const BlockId forward = builder.begin_block("forward");
  builder.alloc(x);
  builder.compute(
      {.kind = KernelKind::kGemmForward, .dtype = Dtype::kBf16, .dims = {10'000, 10'000, 10'000}},
      {weights}, {x});
  const BlockId backward = builder.begin_block("backward");
  builder.free(x);
  for (const BlockId block : {forward, backward})
    for (std::uint32_t microbatch = 0; microbatch < 2; ++microbatch)
      builder.call(block, microbatch);
  return std::move(builder).finish();
}

struct SmallReport {
  Scenario scenario;
  Job job;
  Simulation simulation;

  Report report() const { return make_report(scenario, job, simulation); }
};

/// 16 GPUs of two nodes; half of them compute for 4 s and half for 6 s of a step of 10 s.
inline SmallReport small_report() {
  SmallReport small;
  Scenario& scenario = small.scenario;
  scenario.name = "small";
  scenario.num_gpus = 16;
  scenario.model.name = "tiny";
  scenario.model.num_layers = 1;
  scenario.model.hidden_size = 1000;
  scenario.model.num_heads = scenario.model.num_kv_heads = 1;
  scenario.model.head_dim = 1000;
  scenario.model.ffn_hidden_size = 4000;
  scenario.model.vocab_size = 1000;
  scenario.training = {.global_batch_size = 100, .seq_len = 1000};
  Topology& topology = scenario.topology;
  topology.name = "pair";
  topology.num_nodes = 2;
  topology.device.name = "toy";
  topology.device.peak_bf16 = FlopsPerSec(1e12);
  topology.device.memory_capacity = Bytes{10'000'000'000};
  topology.device.idle_power = Watts(100);
  topology.device.power_limit = Watts(400);
  topology.node.host_power = Watts(1000);
  topology.price_per_gpu_hour = DollarsPerHour(1.8);
  topology.electricity_price = DollarsPerJoule(1e-7);  // 0.36 USD/kWh
  topology.power_usage_effectiveness = 1.25;
  scenario.stack.name = "plain";
  scenario.stack.grade = Grade::kFitted;
  scenario.stack.relative_sigma = 0.1;
  scenario.network_profile.grade = Grade::kFitted;
  scenario.network_profile.relative_sigma = 0.2;

  small.job.programs = {small_program("stage 0 of 1")};
  small.job.ranks.resize(16);
  Simulation& simulation = small.simulation;
  simulation.step_time = Seconds(10);
  simulation.ranks.resize(2);
  for (std::size_t i = 0; i < 2; ++i) {
    RankReport& rank = simulation.ranks[i];
    rank.representative = static_cast<Rank>(8 * i);
    rank.count = 8;
    rank.end = Seconds(10);
    rank.compute_by_kind.resize(kernel_table().size());
  }
  const auto gemm = static_cast<std::size_t>(KernelKind::kGemmForward);
  const auto softmax = static_cast<std::size_t>(KernelKind::kScoreSoftmaxForward);
  RankReport& busy = simulation.ranks[0];
  busy.time.compute = Seconds(6);
  busy.time.wait_tensor = Seconds(3);
  busy.time.wait_host = Seconds(1);
  busy.compute_by_kind[gemm] = Seconds(4);
  busy.compute_by_kind[softmax] = Seconds(2);
  RankReport& idle = simulation.ranks[1];
  idle.time.compute = Seconds(4);
  idle.time.wait_tensor = Seconds(1);
  idle.time.wait_pipeline = Seconds(4);
  idle.time.transfer_pipeline = Seconds(1);
  idle.time.tail = Seconds(1);
  idle.compute_by_kind[gemm] = Seconds(4);
  return small;
}

}  // namespace stepcast
