// What the benchmarks time: two published runs, put together from shipped models, topologies and
// stacks.
#pragma once

#include <string>

#include "sim/stepcast.h"

namespace stepcast {

/// `num_gpus` follows from the plan.
inline Scenario shipped_run(const std::string& model, const std::string& topology,
                            const std::string& stack, const Plan& plan, const Training& training) {
  const Library library = find_library();
  const Stack framework = load_stack(stack, library);
  Scenario scenario;
  scenario.name = model;
  scenario.model = load_model(model, library);
  scenario.topology = load_topology(topology, library);
  scenario.num_gpus = plan.world_size();
  scenario.plan = plan;
  scenario.training = training;
  scenario.traits = framework.traits;
  scenario.stack = framework.profile;
  scenario.device_profile = load_device_profile(scenario.topology.device_profile, library);
  scenario.network_profile =
      for_generation(load_network_profile(scenario.topology.network_profile, library),
                     scenario.topology.device.generation);
  return scenario;
}

/// GPT-3 175B on 1,024 A100: tensor 8, pipeline 8, data 16; 64 microbatches.
inline Scenario gpt3_on_1024() {
  Plan plan;
  plan.tp = 8, plan.pp = 8, plan.dp = 16;
  plan.recompute = Recompute::kFull;
  const Training training{
      .global_batch_size = 1024, .seq_len = 2048, .precision = Dtype::kFp16, .optimizer = "adam"};
  return shipped_run("gpt3-175b", "dgx-a100-80g", "megatron-lm", plan, training);
}

/// Llama 3.1 405B on 16,384 H100 (Llama Team 2024, table 4): tensor 8, pipeline 16 with one layer
/// less on both ends, data 128; 16 million tokens, so 16 microbatches.
inline Scenario llama_on_16384() {
  Plan plan;
  plan.tp = 8, plan.pp = 16, plan.dp = 128;
  plan.sequence_parallel = true;
  const Training training{
      .global_batch_size = 2048, .seq_len = 8192, .precision = Dtype::kBf16, .optimizer = "adam"};
  Scenario scenario = shipped_run("llama3.1-405b", "dgx-h100", "megatron-lm-2023", plan, training);
  scenario.traits.stage_balance = StageBalance::kEndsMinusOne;
  return scenario;
}

}  // namespace stepcast
