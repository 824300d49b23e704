// Small jobs and what tests ask of them: resident bytes, bytes alive after a pass, bytes on the
// wire.
#pragma once

#include <functional>
#include <string_view>

#include "sim/lowering/lower.h"

namespace stepcast::lowering_test {

/// GPT: biases, learned positions, GELU, tied. b = 2, s = 64, so that everything divides by 8.
struct TinyJob {
  TinyJob() {
    model.num_layers = 4;
    model.hidden_size = 128;
    model.num_heads = model.num_kv_heads = 8;
    model.head_dim = 16;
    model.ffn_hidden_size = 512;
    model.vocab_size = 1024;
    model.max_positions = 64;
    traits.flash_attention = false;
    traits.attention_dropout = true;
    traits.vocab_divisor = 1;
    plan.micro_batch_size = 2;
    training.seq_len = 64;
    training.global_batch_size = 2;
  }

  void become_llama() {
    model.norm = Norm::kRmsNorm;
    model.activation = Activation::kSwiglu;
    model.gated_mlp = true;
    model.linear_bias = model.qkv_bias = model.norm_bias = false;
    model.position_embedding = PositionEmbedding::kRotary;
    model.max_positions = 0;
    model.tied_embeddings = false;
    traits.flash_attention = true;
    traits.attention_dropout = false;
  }

  /// One round of microbatches per replica unless told otherwise.
  Job job(std::int64_t microbatches = 1) {
    training.global_batch_size = microbatches * plan.dp * plan.micro_batch_size;
    return lower(model, plan, training, traits);
  }

  std::int64_t tokens() const { return plan.micro_batch_size * training.seq_len; }

  Model model;
  Plan plan;
  Training training;
  Traits traits;
};

inline std::int64_t resident(const Program& program, BufferCategory category) {
  std::int64_t sum = 0;
  for (const Buffer& buffer : program.buffers)
    if (buffer.resident && buffer.category == category) sum += buffer.size.value();
  return sum;
}

inline std::int64_t resident(const Program& program) {
  std::int64_t sum = 0;
  for (int c = 0; c < kNumBufferCategories; ++c) sum += resident(program, BufferCategory(c));
  return sum;
}

inline const Block& block_named(const Program& program, std::string_view name) {
  for (const Block& block : program.blocks)
    if (block.name == name) return block;
  throw std::out_of_range(std::string(name));
}

/// Bytes that one call of the block takes and leaves allocated, of one category.
inline std::int64_t left_by(const Program& program, std::string_view block,
                            BufferCategory category) {
  std::int64_t sum = 0;
  for (const Op& op : block_named(program, block).ops) {
    if (const auto* alloc = std::get_if<Alloc>(&op.what);
        alloc && program.buffers[alloc->buffer].category == category)
      sum += program.buffers[alloc->buffer].size.value();
    if (const auto* free = std::get_if<Free>(&op.what);
        free && program.buffers[free->buffer].category == category)
      sum -= program.buffers[free->buffer].size.value();
  }
  return sum;
}

/// Sum of the sizes of the block's collectives that `wanted` accepts.
inline std::int64_t collective_bytes(
    const Program& program, std::string_view block,
    const std::function<bool(const Op&, const Collective&)>& wanted) {
  std::int64_t sum = 0;
  for (const Op& op : block_named(program, block).ops)
    if (const auto* collective = std::get_if<Collective>(&op.what);
        collective && wanted(op, *collective))
      sum += collective->size.value();
  return sum;
}

}  // namespace stepcast::lowering_test
