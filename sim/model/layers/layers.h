// The kinds of layer, one file each: shapes in, operators out. Each function appends to a graph and
// returns the tensor that carries on.
#pragma once

#include "sim/model/layers/graph_builder.h"

namespace stepcast {

/// Norm of the rows of `input` (local_tokens, H).
TensorId add_norm(GraphBuilder& graph, const std::string& name, TensorId input);
/// Bias, dropout and sum of a branch and the residual stream, both (local_tokens, H).
TensorId add_residual(GraphBuilder& graph, const std::string& name, TensorId branch,
                      TensorId residual);
/// Projections and attention core; input and result (local_tokens, H).
TensorId add_attention(GraphBuilder& graph, TensorId input);
/// Up, activation, down; input and result (local_tokens, H).
TensorId add_mlp(GraphBuilder& graph, TensorId input);
/// Word, position and token-type embedding; result (local_tokens, H).
TensorId add_embedding(GraphBuilder& graph);
/// From the last layer's output to the loss.
void add_lm_head(GraphBuilder& graph, TensorId input);

}  // namespace stepcast
