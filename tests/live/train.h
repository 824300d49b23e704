// Trains a tiny model under a plan: on plain loops, all ranks as threads of this process, or on the
// fast kernels of the CPU, each rank as a process (OpenBLAS is not to be called by several
// threads).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/live/cpu_device.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/element_type.h"
#include "kernels/live/executor.h"
#include "kernels/live/process_group.h"
#include "kernels/live/thread_group.h"
#include "kernels/live/weights.h"
#include "sim/lowering/lower.h"
#include "sim/memory/memory.h"
#include "sim/model/optimizers.h"
#include "sim/program/verify.h"

namespace stepcast::live_test {

inline const CpuPlatform kPlainLoops(reference_launchers());

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
  bool fast_kernels = false;
  const LivePlatform* platform = nullptr;  ///< instead of the CPU; ranks are threads
  std::function<void(Job&)> fault = [](Job&) {};
};

/// What a training came to, independent of the plan.
struct Outcome {
  std::vector<double> losses;                            ///< by step
  std::vector<double> norms;                             ///< by step, as the program computes it
  std::map<std::string, std::vector<double>> gradients;  ///< of the first step, whole tensors;
                                                         ///< NaN where no rank has an element
  double gradient_norm() const {
    double sum = 0;
    for (const auto& [name, values] : gradients)
      for (const double g : values) sum += g * g;
    return std::sqrt(sum);
  }
  bool peaks_equal_the_walk = true;
};

/// An element of a gradient, as a rank keeps it for the test.
struct KeptElement {
  double value = 0;
  std::uint32_t tensor = 0;   ///< of Program::weights
  std::uint32_t element = 0;  ///< of the whole tensor
};

inline bool is_update(KernelKind kind) {
  return std::ranges::any_of(optimizer_table(),
                             [&](const Optimizer& row) { return row.update == kind; });
}

/// Elements of the buffers that the update reads on this rank: under ZeRO-1 its own share.
inline std::map<BufferId, std::vector<std::pair<std::int64_t, std::int64_t>>> updated_elements(
    const Program& program, const LiveRank& rank) {
  std::map<BufferId, std::vector<std::pair<std::int64_t, std::int64_t>>> runs;
  for (const Block& block : program.blocks)
    for (const Op& op : block.ops)
      if (const auto* compute = std::get_if<Compute>(&op.what);
          compute && is_update(compute->kernel.kind))
        for (std::size_t i = 0; i < compute->operands.size(); ++i) {
          if (signature_of(compute->kernel.kind).slot(i).name != "gradient") continue;
          const View& view = compute->operands[i].view;
          std::int64_t count = view.layout.elements(), first = view.layout.offset;
          if (view.own_part) {
            count /= rank.size(*view.own_part);
            first += rank.index(*view.own_part) * count;
          }
          runs[view.buffer].emplace_back(first, first + count);
        }
  return runs;
}

/// Of any element type.
inline std::vector<double> gradient_values(const Program& program, const Executor& executor,
                                           const WeightTensor& weight) {
  std::vector<double> values;
  with_element_type(program.buffers[weight.gradients].dtype, [&]<typename T>() {
    const std::vector<std::byte> bytes = executor.read(weight.gradients);
    const auto* all = reinterpret_cast<const T*>(bytes.data());
    for (std::int64_t i = 0; i < weight.shape.elements(); ++i)
      values.push_back(widened(all[weight.offset + i]));
  });
  return values;
}

/// The gradients that this rank holds. Where all replicas hold the same, the first one's.
inline std::vector<KeptElement> gradients_of(const Program& program, const LiveRank& rank,
                                             const Executor& executor, bool shards) {
  std::vector<KeptElement> kept;
  if (!shards && rank.index(GroupRole::kData) != 0) return kept;
  const std::int64_t tensor = rank.size(GroupRole::kTensor);
  const auto updated = updated_elements(program, rank);
  for (std::size_t w = 0; w < program.weights.size(); ++w) {
    const WeightTensor& weight = program.weights[w];
    const std::vector<double> mine = gradient_values(program, executor, weight);
    for (std::int64_t i = 0; i < weight.shape.elements(); ++i)
      for (const auto& [first, last] : updated.at(weight.gradients))
        if (weight.offset + i >= first && weight.offset + i < last)
          kept.push_back({.value = mine[static_cast<std::size_t>(i)],
                          .tensor = static_cast<std::uint32_t>(w),
                          .element = static_cast<std::uint32_t>(global_element(
                              weight.shape, tensor, rank.index(GroupRole::kTensor), i))});
  }
  return kept;
}

inline const Program& program_of(const Job& job, int rank) {
  return job.programs[job.ranks[static_cast<std::size_t>(rank)].program];
}

/// What a rank keeps: whether its peak is that of the walk; its shares of the losses; the norms;
/// elements of gradients.
inline void run_rank_of(const TinyTraining& tiny, const Job& job, RankContext& context) {
  const CpuPlatform cores(tiny.fast_kernels ? cpu_launchers() : reference_launchers());
  const LiveRank rank = connect(job, context, tiny.platform ? *tiny.platform : cores);
  const Program& program = program_of(job, context.rank());
  Executor executor(
      program, rank,
      {.adam = {.learning_rate = find_optimizer(tiny.training.optimizer).learning_rate}});
  const CountingTask task(tiny.model.vocab_size, 7);
  std::vector<double> figures(1), norms;
  std::vector<KeptElement> gradients;
  for (int step = 0; step < tiny.steps; ++step) {
    executor.run_step(task);
    // All tensor-parallel ranks of the last stage know the loss.
    figures.push_back(rank.index(GroupRole::kTensor) == 0 ? executor.loss() : 0);
    norms.push_back(std::sqrt(static_cast<double>(executor.floats(program.gradient_norm)[0])));
    if (step == 0) gradients = gradients_of(program, rank, executor, tiny.plan.zero_stage > 0);
  }
  figures[0] = executor.peak() == walk_memory(program).total ? 1 : 0;
  figures.insert(figures.end(), norms.begin(), norms.end());
  context.keep(std::as_bytes(std::span(figures)));
  context.keep(std::as_bytes(std::span(gradients)));
}

/// Adds what one rank kept.
inline void add_kept(std::span<const std::byte> bytes, const Job& job, int rank, Outcome& outcome) {
  const std::size_t steps = outcome.losses.size();
  std::vector<double> figures(1 + 2 * steps);
  std::memcpy(figures.data(), bytes.data(), figures.size() * sizeof(double));
  outcome.peaks_equal_the_walk = outcome.peaks_equal_the_walk && figures[0] == 1;
  for (std::size_t i = 0; i < steps; ++i) {
    outcome.losses[i] += figures[1 + i];
    outcome.norms[i] = figures[1 + steps + i];
  }
  const std::vector<WeightTensor>& weights = program_of(job, rank).weights;
  const std::uint32_t tensor =
      job.ranks[static_cast<std::size_t>(rank)].group[static_cast<std::size_t>(GroupRole::kTensor)];
  const std::int64_t members =
      tensor == kNone ? 1 : static_cast<std::int64_t>(job.groups[tensor].ranks.size());
  for (bytes = bytes.subspan(figures.size() * sizeof(double)); !bytes.empty();
       bytes = bytes.subspan(sizeof(KeptElement))) {
    KeptElement kept;
    std::memcpy(&kept, bytes.data(), sizeof kept);
    const WeightTensor& weight = weights[kept.tensor];
    std::vector<double>& whole = outcome.gradients[weight.name];
    whole.resize(static_cast<std::size_t>(global_elements(weight.shape, members)),
                 std::numeric_limits<double>::quiet_NaN());
    whole[kept.element] = kept.value;
  }
}

inline Outcome train(const TinyTraining& tiny) {
  Job job = lower(tiny.model, tiny.plan, tiny.training, tiny.traits);
  if (const std::vector<std::string> findings = verify(job); !findings.empty())
    throw std::runtime_error(findings.front());
  tiny.fault(job);
  const int ranks = static_cast<int>(job.ranks.size());
  const SwitchboardSizes sizes = {.ranks = ranks, .mailbox_bytes = std::size_t{1} << 20};
  const auto run_in = [&](auto&& group) {
    group.run([&](RankContext& context) {
      run_rank_of(tiny, job, context);
      return 0;
    });
    Outcome outcome;
    outcome.losses.assign(static_cast<std::size_t>(tiny.steps), 0);
    outcome.norms.assign(static_cast<std::size_t>(tiny.steps), 0);
    for (int rank = 0; rank < ranks; ++rank) add_kept(group.kept(rank), job, rank, outcome);
    return outcome;
  };
  return tiny.fast_kernels ? run_in(ProcessGroup({.sizes = sizes})) : run_in(ThreadGroup(sizes));
}

}  // namespace stepcast::live_test
