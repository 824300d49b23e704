// Reads the "plan" and "training" of a scenario and the "traits" of a stack. Each value is checked
// on its own here; feasibility.h asks whether they fit together.
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/model/optimizers.h"
#include "sim/plan/plan.h"

namespace stepcast {
namespace {

constexpr std::array<std::string_view, 3> kRecomputes = {"none", "selective", "full"};
constexpr std::array<std::string_view, 4> kStageBalances = {"uniform", "ends_minus_one", "balanced",
                                                            "by_compute_cost"};

// Products of two or three of these stay within 63 bits.
constexpr IntegerRange kDegree = {.min = 1, .max = 1'000'000};
constexpr IntegerRange kChunks = {.min = 1, .max = 10'000};
constexpr IntegerRange kSequences = {.min = 1, .max = 100'000'000};
constexpr IntegerRange kTokens = {.min = 1, .max = 100'000'000};

template <typename Enum, std::size_t size>
Enum read_enum(Fields& fields, std::string_view key,
               const std::array<std::string_view, size>& names, Enum otherwise) {
  return static_cast<Enum>(fields.choice(key, names, static_cast<std::size_t>(otherwise)));
}

std::string read_optimizer(Fields& fields) {
  std::vector<std::string_view> names;
  for (const Optimizer& row : optimizer_table()) names.push_back(row.name);
  return std::string(names[fields.choice("optimizer", names, 0)]);
}

std::int64_t read_zero_stage(Fields& fields, std::int64_t otherwise) {
  const std::int64_t stage = fields.integer("zero_stage", {.min = 0, .max = 3}, otherwise);
  if (stage < 2) return stage;
  fields.reject_as_unsupported(
      "zero_stage", "= " + std::to_string(stage) +
                        " shards gradients or parameters, which stepcast cannot lower; use 1 "
                        "(optimizer state sharded) or 0");
  return otherwise;
}

}  // namespace

std::string_view name_of(Recompute recompute) {
  return kRecomputes[static_cast<std::size_t>(recompute)];
}

Plan read_plan(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  Plan plan;
  plan.tp = fields.integer("tp", kDegree, plan.tp);
  plan.pp = fields.integer("pp", kDegree, plan.pp);
  plan.dp = fields.integer("dp", kDegree, plan.dp);
  plan.virtual_stages = fields.integer("virtual_stages", kChunks, plan.virtual_stages);
  plan.sequence_parallel = fields.boolean("sequence_parallel", plan.sequence_parallel);
  plan.zero_stage = read_zero_stage(fields, plan.zero_stage);
  plan.schedule = fields.text("schedule", plan.schedule);
  plan.micro_batch_size = fields.integer("micro_batch_size", kDegree, plan.micro_batch_size);
  plan.recompute = read_enum(fields, "recompute", kRecomputes, plan.recompute);
  plan.overlap_grad_reduce = fields.boolean("overlap_grad_reduce", plan.overlap_grad_reduce);
  plan.bucket_size = fields.quantity<Bytes>("bucket_size", plan.bucket_size);
  if (fields.has("bucket_size") && !plan.overlap_grad_reduce)
    fields.reject(
        "bucket_size",
        "needs overlap_grad_reduce: without it gradients are not reduced in buckets; turn "
        "that on, or leave bucket_size out");
  fields.not_modelled("cp", 1, "context parallelism");
  fields.not_modelled("ep", 1, "expert parallelism");
  if (fields.child("stage_balance"))
    plan.stage_balance = read_enum(fields, "stage_balance", kStageBalances, StageBalance::kUniform);
  fields.finish();
  return plan;
}

Training read_training(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  Training training;
  training.global_batch_size = fields.integer("global_batch_size", kSequences);
  training.seq_len = fields.integer("seq_len", kTokens);
  training.precision = fields.dtype("precision", training.precision);
  training.optimizer = read_optimizer(fields);
  fields.finish();
  return training;
}

Traits read_traits(JsonValue value, Problems& problems) {
  Fields fields(std::move(value), problems);
  Traits traits;
  const auto flag = [&](std::string_view key, bool& field) { field = fields.boolean(key, field); };
  flag("flash_attention", traits.flash_attention);
  flag("attention_dropout", traits.attention_dropout);
  traits.stage_balance = read_enum(fields, "stage_balance", kStageBalances, traits.stage_balance);
  flag("scatter_gather_p2p", traits.scatter_gather_p2p);
  flag("p2p_overlap", traits.p2p_overlap);
  flag("p2p_host_wait", traits.p2p_host_wait);
  flag("gathered_inputs_kept", traits.gathered_inputs_kept);
  flag("gather_buffers_resident", traits.gather_buffers_resident);
  flag("tensor_overlap", traits.tensor_overlap);
  flag("fp32_gradients", traits.fp32_gradients);
  flag("fp32_accumulation_copy", traits.fp32_accumulation_copy);
  flag("autograd_accumulation", traits.autograd_accumulation);
  flag("fp32_grad_reduce", traits.fp32_grad_reduce);
  flag("zero_by_tensor", traits.zero_by_tensor);
  flag("grad_norm_clip", traits.grad_norm_clip);
  flag("fused_bias_gelu", traits.fused_bias_gelu);
  flag("fused_norm", traits.fused_norm);
  flag("fused_loss", traits.fused_loss);
  traits.vocab_divisor =
      fields.integer("vocab_divisor", {.min = 1, .max = 1'000'000}, traits.vocab_divisor);
  traits.gemm_workspace = fields.quantity<Bytes>("gemm_workspace", traits.gemm_workspace, true);
  fields.finish();
  return traits;
}

}  // namespace stepcast
