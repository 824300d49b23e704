// Parameters and model FLOPs of a transformer from its shapes.
#include "sim/model/model.h"

#include "sim/base/quantity_text.h"

namespace stepcast {
namespace {

/// Counts in `N`: std::int64_t for the exact figures, double to learn whether those would fit.
template <typename N>
class Counter {
 public:
  explicit Counter(const Model& model)
      : model_(model), hidden_(static_cast<N>(model.hidden_size)) {}

  N embedding() const {
    const N rows = N(model_.vocab_size) + N(model_.max_positions) + N(model_.token_types);
    return rows * hidden_ + (model_.embedding_norm ? norm() : N(0));
  }

  N layer() const { return attention() + mlp() + N(2) * norm(); }

  N head() const {
    N count = model_.final_norm ? norm() : N(0);
    if (!model_.tied_embeddings) count += N(model_.vocab_size) * hidden_;
    if (model_.pooler) count += linear(hidden_, hidden_, true);
    if (model_.mlm_head) count += linear(hidden_, hidden_, true) + norm() + N(model_.vocab_size);
    if (model_.nsp_head) count += linear(hidden_, N(2), true);
    return count;
  }

  N total() const { return embedding() + N(model_.num_layers) * layer() + head(); }

 private:
  static N linear(N in, N out, bool bias) { return in * out + (bias ? out : N(0)); }

  N norm() const { return model_.norm_bias ? N(2) * hidden_ : hidden_; }

  N attention() const {
    const N query = N(model_.num_heads) * N(model_.head_dim);
    const N key_value = N(2) * N(model_.num_kv_heads) * N(model_.head_dim);
    return linear(hidden_, query + key_value, model_.qkv_bias) +
           linear(query, hidden_, model_.linear_bias);
  }

  N mlp() const {
    const N ffn = static_cast<N>(model_.ffn_hidden_size);
    return linear(hidden_, (model_.gated_mlp ? N(2) : N(1)) * ffn, model_.linear_bias) +
           linear(ffn, hidden_, model_.linear_bias);
  }

  const Model& model_;
  N hidden_;
};

}  // namespace

ParameterCount count_parameters(const Model& model) {
  const double estimate = Counter<double>(model).total();
  // Every term is positive, so when the sum fits, so does each product in it.
  if (estimate > kMaxParameters)
    throw Error(ErrorKind::kInput, "model " + model.name + " has " + number_text(estimate, 3) +
                                       " parameters; at most " + number_text(kMaxParameters, 3) +
                                       " are handled: check its sizes");
  const Counter<std::int64_t> exact(model);
  return {.embedding = exact.embedding(),
          .per_layer = exact.layer(),
          .head = exact.head(),
          .total = exact.total()};
}

Flops forward_flops_per_sequence(const Model& model, std::int64_t seq_len) {
  const auto tokens = static_cast<double>(seq_len);
  const auto hidden = static_cast<double>(model.hidden_size);
  const auto head_dim = static_cast<double>(model.head_dim);
  const double query = static_cast<double>(model.num_heads) * head_dim;
  const double key_value = 2 * static_cast<double>(model.num_kv_heads) * head_dim;
  const double matrices = model.gated_mlp ? 3 : 2;

  // Multiply-adds of one layer per token; scores and context each take tokens * query of them.
  const double projections = hidden * (query + key_value) + query * hidden;
  const double attention = 2 * tokens * query;
  const double mlp = matrices * hidden * static_cast<double>(model.ffn_hidden_size);
  const double layers =
      static_cast<double>(model.num_layers) * tokens * (projections + attention + mlp);

  double head = tokens * hidden * static_cast<double>(model.vocab_size);
  if (model.mlm_head) head += tokens * hidden * hidden;
  // These see the first token only.
  if (model.pooler) head += hidden * hidden;
  if (model.nsp_head) head += hidden * 2;
  return Flops(2 * (layers + head));
}

Flops training_flops(const Model& model, std::int64_t seq_len, std::int64_t sequences) {
  return forward_flops_per_sequence(model, seq_len) * (3 * static_cast<double>(sequences));
}

}  // namespace stepcast
