// Reads a models/*.json object; models/README.md describes the keys.
#include <array>
#include <string_view>

#include "sim/model/model.h"

namespace stepcast {
namespace {

constexpr std::array<std::string_view, 2> kNorms = {"layer_norm", "rms_norm"};
constexpr std::array<std::string_view, 3> kActivations = {"gelu", "relu", "swiglu"};
constexpr std::array<std::string_view, 4> kPositions = {"learned", "rotary", "alibi", "none"};

// Far beyond any model, and small enough that no default computed from two of them overflows.
constexpr IntegerRange kLayers = {.min = 1, .max = 100'000};
constexpr IntegerRange kHeads = {.min = 1, .max = 100'000};
constexpr IntegerRange kWidth = {.min = 1, .max = 10'000'000};
constexpr IntegerRange kRows = {.min = 1, .max = 1'000'000'000};
constexpr IntegerRange kOptionalRows = {.min = 0, .max = 1'000'000'000};

template <typename Enum, std::size_t size>
Enum read_enum(Fields& fields, std::string_view key,
               const std::array<std::string_view, size>& names, Enum otherwise) {
  return static_cast<Enum>(fields.choice(key, names, static_cast<std::size_t>(otherwise)));
}

void read_shape(Fields& fields, Model& model) {
  model.num_layers = fields.integer("num_layers", kLayers);
  model.hidden_size = fields.integer("hidden_size", kWidth);
  model.num_heads = fields.integer("num_heads", kHeads);
  model.num_kv_heads = fields.integer("num_kv_heads", kHeads, model.num_heads);
  model.head_dim = fields.integer("head_dim", kWidth, model.hidden_size / model.num_heads);
  model.ffn_hidden_size = fields.integer("ffn_hidden_size", kWidth, 4 * model.hidden_size);
  model.vocab_size = fields.integer("vocab_size", kRows);
  model.max_positions = fields.integer("max_positions", kOptionalRows, 0);
  model.token_types = fields.integer("token_types", kOptionalRows, 0);
}

void read_architecture(Fields& fields, Model& model) {
  model.activation = read_enum(fields, "activation", kActivations, Activation::kGelu);
  model.gated_mlp = fields.boolean("gated_mlp", model.activation == Activation::kSwiglu);
  model.norm = read_enum(fields, "norm", kNorms, Norm::kLayerNorm);
  model.position_embedding =
      read_enum(fields, "position_embedding", kPositions, PositionEmbedding::kLearned);
  model.tied_embeddings = fields.boolean("tied_embeddings", true);
  model.linear_bias = fields.boolean("linear_bias", true);
  model.qkv_bias = fields.boolean("qkv_bias", model.linear_bias);
  model.norm_bias = fields.boolean("norm_bias", model.norm == Norm::kLayerNorm);
  model.causal = fields.boolean("causal", true);
  model.embedding_norm = fields.boolean("embedding_norm", false);
  model.final_norm = fields.boolean("final_norm", true);
  model.pooler = fields.boolean("pooler", false);
  model.mlm_head = fields.boolean("mlm_head", false);
  model.nsp_head = fields.boolean("nsp_head", false);
}

/// "1, 2, 3, 4, 6, 12"
std::string divisors_text(std::int64_t number) {
  std::string text;
  for (std::int64_t divisor = 1; divisor <= number; ++divisor)
    if (number % divisor == 0) text += (text.empty() ? "" : ", ") + std::to_string(divisor);
  return text;
}

void check_heads(Fields& fields, const Model& model) {
  const std::string heads = "num_heads = " + std::to_string(model.num_heads);
  if (!fields.has("head_dim") && model.hidden_size % model.num_heads != 0)
    fields.reject("hidden_size", "= " + std::to_string(model.hidden_size) +
                                     " must be a multiple of " + heads +
                                     "; change one of them, or give head_dim");
  if (model.num_heads % model.num_kv_heads != 0)
    fields.reject("num_kv_heads", "= " + std::to_string(model.num_kv_heads) + " must divide " +
                                      heads + " (" + divisors_text(model.num_heads) + ")");
  if (model.position_embedding == PositionEmbedding::kRotary && model.head_dim % 2 != 0)
    fields.reject("head_dim", "= " + std::to_string(model.head_dim) +
                                  " must be even: rotary position embedding turns pairs; change "
                                  "head_dim or position_embedding");
}

void check_positions(Fields& fields, const Model& model) {
  const bool learned = model.position_embedding == PositionEmbedding::kLearned;
  if (learned && model.max_positions == 0)
    fields.reject("max_positions",
                  "must be at least 1 with learned position embeddings; give the rows of their "
                  "table, or another position_embedding (rotary, alibi, none)");
  if (!learned && model.max_positions > 0)
    fields.reject("max_positions", "= " + std::to_string(model.max_positions) +
                                       " counts the rows of a learned table; leave it out, or set "
                                       "position_embedding to \"learned\"");
}

void check_parts(Fields& fields, const Model& model) {
  if (model.activation == Activation::kSwiglu && !model.gated_mlp)
    fields.reject("gated_mlp",
                  "= false contradicts activation = \"swiglu\", which is gated; leave "
                  "gated_mlp out, or choose another activation");
  if (model.norm == Norm::kRmsNorm && model.norm_bias)
    fields.reject("norm_bias",
                  "= true, but an RMS norm has no bias; leave it out, or set norm to "
                  "\"layer_norm\"");
  if (model.nsp_head && !model.pooler)
    fields.reject("nsp_head", "= true reads the pooler's output; set pooler to true as well");
  if (model.causal && (model.pooler || model.mlm_head))
    fields.reject(model.pooler ? "pooler" : "mlm_head",
                  "= true belongs to a bidirectional model; set causal to false, or leave it out");
}

void check_size(Fields& fields, const Model& model) {
  try {
    count_parameters(model);
  } catch (const Error& error) {
    fields.reject("", error.what());
  }
}

}  // namespace

std::string_view name_of(Norm norm) { return kNorms[static_cast<std::size_t>(norm)]; }
std::string_view name_of(Activation activation) {
  return kActivations[static_cast<std::size_t>(activation)];
}
std::string_view name_of(PositionEmbedding position) {
  return kPositions[static_cast<std::size_t>(position)];
}

Model read_model(JsonValue value, Problems& problems) {
  const std::size_t problems_before = problems.all().size();
  Fields fields(std::move(value), problems);
  Model model;
  model.name = fields.text("name");
  fields.text("source", "");  // where the numbers come from: for readers of the file
  read_shape(fields, model);
  read_architecture(fields, model);
  fields.not_modelled("num_experts", 0, "a mixture of experts");
  fields.finish();
  // Comparing values that were not understood would only add noise.
  if (problems.all().size() > problems_before) return model;
  check_heads(fields, model);
  check_positions(fields, model);
  check_parts(fields, model);
  check_size(fields, model);
  return model;
}

}  // namespace stepcast
