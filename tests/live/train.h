// Trains a tiny model under a plan, all ranks as threads of this process, on plain loops.
#pragma once

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/live/executor.h"
#include "kernels/live/thread_group.h"
#include "kernels/live/weights.h"
#include "sim/lowering/lower.h"
#include "sim/memory/memory.h"
#include "sim/program/verify.h"

namespace stepcast::live_test {

/// Four layers of width 16; divides by 2 in every way, and by 4 in most.
struct TinyTraining {
  TinyTraining() {
    model.name = "tiny";
    model.num_layers = 4;
    model.hidden_size = 16;
    model.num_heads = model.num_kv_heads = 4;
    model.head_dim = 4;
    model.ffn_hidden_size = 32;
    model.vocab_size = 20;
    model.max_positions = 8;
    traits.flash_attention = true;
    traits.vocab_divisor = 4;  // padded to 24 or 32 words, depending on tp
    training.seq_len = 8;
    training.global_batch_size = 8;
    training.precision = Dtype::kFp32;
  }

  void become_llama() {
    model.norm = Norm::kRmsNorm;
    model.activation = Activation::kSwiglu;
    model.gated_mlp = true;
    model.linear_bias = model.qkv_bias = model.norm_bias = false;
    model.position_embedding = PositionEmbedding::kRotary;
    model.max_positions = 0;
    model.tied_embeddings = false;
  }

  Model model;
  Plan plan;
  Training training;
  Traits traits;
  int steps = 3;
  std::function<void(Job&)> fault = [](Job&) {};
};

/// What a training came to, independent of the plan.
struct Outcome {
  std::vector<double> losses;                            ///< by step
  std::vector<double> norms;                             ///< by step, as the program computes it
  std::map<std::string, std::vector<double>> gradients;  ///< of the first step, whole tensors
  double gradient_norm() const {
    double sum = 0;
    for (const auto& [name, values] : gradients)
      for (const double g : values) sum += g * g;
    return std::sqrt(sum);
  }
  bool peaks_equal_the_walk = true;
};

/// Gathers the gradients that this rank holds. Under ZeRO-1 those of its share only.
inline void gather(const Program& program, const LiveRank& rank, const Executor& executor,
                   bool shards, Outcome& outcome) {
  const std::int64_t tensor = rank.size(GroupRole::kTensor);
  const std::int64_t replicas = rank.size(GroupRole::kData);
  if (!shards && rank.index(GroupRole::kData) != 0) return;
  // Runs of the buffers that the update reads: own shares under ZeRO-1.
  std::map<BufferId, std::vector<std::pair<std::int64_t, std::int64_t>>> owned;
  for (const Block& block : program.blocks)
    for (const Op& op : block.ops)
      if (const auto* compute = std::get_if<Compute>(&op.what);
          compute && compute->kernel.kind == KernelKind::kAdam)
        for (std::size_t i = 2; i < compute->operands.size(); i += 5) {
          const View& view = compute->operands[i].view;
          std::int64_t count = view.layout.elements(), first = view.layout.offset;
          if (view.own_part) {
            count /= replicas;
            first += rank.index(GroupRole::kData) * count;
          }
          owned[view.buffer].emplace_back(first, first + count);
        }
  for (const WeightTensor& weight : program.weights) {
    std::vector<double>& whole = outcome.gradients[weight.name];
    whole.resize(static_cast<std::size_t>(global_elements(weight.shape, tensor)),
                 std::numeric_limits<double>::quiet_NaN());
    const std::span<float> mine = executor.gradient(weight);
    for (std::int64_t i = 0; i < weight.shape.elements(); ++i)
      for (const auto& [first, last] : owned[weight.gradients])
        if (weight.offset + i >= first && weight.offset + i < last)
          whole[static_cast<std::size_t>(
              global_element(weight.shape, tensor, rank.index(GroupRole::kTensor), i))] =
              mine[static_cast<std::size_t>(i)];
  }
}

inline Outcome train(const TinyTraining& tiny) {
  Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  if (const std::vector<std::string> findings = verify(job); !findings.empty())
    throw std::runtime_error(findings.front());
  tiny.fault(job);
  Outcome outcome;
  outcome.losses.assign(static_cast<std::size_t>(tiny.steps), 0);
  outcome.norms.assign(static_cast<std::size_t>(tiny.steps), 0);
  std::mutex mutex;
  ThreadGroup ranks({.ranks = static_cast<int>(job.ranks.size()),
                     .mailbox_bytes = std::size_t{1} << 20,
                     .kept_bytes = 4096});
  ranks.run([&](RankContext& context) {
    const LiveRank rank = connect(job, context);
    const Program& program =
        job.programs[job.ranks[static_cast<std::size_t>(context.rank())].program];
    Executor executor(program, rank, {.launchers = reference_launchers()});
    const CountingTask task(tiny.model.vocab_size, 7);
    for (int step = 0; step < tiny.steps; ++step) {
      executor.run_step(task);
      const std::lock_guard lock(mutex);
      // All tensor-parallel ranks of the last stage know the loss.
      const auto at = static_cast<std::size_t>(step);
      if (rank.index(GroupRole::kTensor) == 0) outcome.losses[at] += executor.loss();
      outcome.norms[at] =
          std::sqrt(static_cast<double>(executor.resident(program.gradient_norm)[0]));
      if (step == 0) gather(program, rank, executor, tiny.plan.zero_stage > 0, outcome);
    }
    const std::lock_guard lock(mutex);
    if (executor.peak() != walk_memory(program).total) outcome.peaks_equal_the_walk = false;
    return 0;
  });
  return outcome;
}

}  // namespace stepcast::live_test
