// What is trained: a dense transformer, as models/*.json says it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sim/base/json_fields.h"

namespace stepcast {

enum class Norm : std::uint8_t { kLayerNorm, kRmsNorm };
/// With a gate (gated_mlp) the function is that of the gate; kSwiglu is SiLU and always gated.
enum class Activation : std::uint8_t { kGelu, kRelu, kSwiglu };
/// alibi costs nothing measurable; rotary is a kernel; learned is a table of parameters.
enum class PositionEmbedding : std::uint8_t { kLearned, kRotary, kAlibi, kNone };

/// As models/*.json spell them.
std::string_view name_of(Norm norm);
std::string_view name_of(Activation activation);
std::string_view name_of(PositionEmbedding position);

/// Names are Megatron-LM's and Hugging Face's. Counts are those of the whole model, unpadded; a
/// default in a comment is what read_model takes for a missing key (models/README.md has the list).
struct Model {
  std::string name;
  std::int64_t num_layers = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;     ///< default num_heads; less with grouped-query attention
  std::int64_t head_dim = 0;         ///< default hidden_size / num_heads
  std::int64_t ffn_hidden_size = 0;  ///< default 4 hidden_size
  bool gated_mlp = false;  ///< two matrices up (gate and value), one down; default: swiglu
  Activation activation = Activation::kGelu;
  Norm norm = Norm::kLayerNorm;
  PositionEmbedding position_embedding = PositionEmbedding::kLearned;
  std::int64_t max_positions =
      0;  ///< rows of the learned position table; 0 with any other embedding
  std::int64_t vocab_size = 0;
  bool tied_embeddings = true;
  bool linear_bias = true;  ///< biases of all linear layers but the query, key, value projection
  bool qkv_bias = true;     ///< biases of the query, key, value projection; default linear_bias
  bool norm_bias = true;    ///< default: with layer norm, not with RMS norm
  bool causal = true;       ///< false: bidirectional (BERT)
  bool embedding_norm = false;  ///< a norm after the embedding (BLOOM, BERT)
  bool final_norm = true;
  std::int64_t token_types = 0;  ///< BERT's segment embeddings
  bool pooler = false;           ///< BERT's dense layer on [CLS]
  bool mlm_head = false;         ///< BERT's dense + norm (+ vocabulary bias) before the logits
  bool nsp_head = false;         ///< BERT's next-sentence classifier (H x 2)
};

/// Models beyond this many parameters are refused, which keeps every size in bytes within 64 bits.
inline constexpr double kMaxParameters = 1e15;

/// Parameters of one rank's share are lowering's; these are the whole model's.
struct ParameterCount {
  std::int64_t embedding = 0;  ///< word, position, token-type tables and their norm
  std::int64_t per_layer = 0;
  std::int64_t head = 0;  ///< final norm, output matrix if untied, BERT's heads
  std::int64_t total = 0;
};
/// Throws Error(kInput) for more than kMaxParameters.
ParameterCount count_parameters(const Model& model);

/// Model FLOPs of one forward pass over one sequence of `seq_len` tokens, as Megatron-LM counts
/// (Narayanan et al. 2021, eq. 3, generalised to GQA and gated MLPs): GEMMs and the attention core,
/// attention not halved for causality. For GPT that is 24 s l h^2 (1 + s/6h + V/12lh). Training
/// takes three times as many; full recompute runs the layers, not the logits, a fourth time.
Flops forward_flops_per_sequence(const Model& model, std::int64_t seq_len);
/// Of one training step of `sequences`: what model FLOP/s utilisation counts.
Flops training_flops(const Model& model, std::int64_t seq_len, std::int64_t sequences);

/// Reads one model object; every mistake goes to `problems`. What is returned after a mistake is
/// harmless, and is not to be used.
Model read_model(JsonValue value, Problems& problems);

}  // namespace stepcast
