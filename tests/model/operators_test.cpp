#include "sim/model/operators.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace stepcast {
namespace {

Model gpt() {
  Model model;
  model.num_layers = 3;
  model.hidden_size = 256;
  model.num_heads = model.num_kv_heads = 8;
  model.head_dim = 32;
  model.ffn_hidden_size = 1024;
  model.vocab_size = 4096;
  model.max_positions = 128;
  return model;
}

Model llama() {
  Model model = gpt();
  model.norm = Norm::kRmsNorm;
  model.activation = Activation::kSwiglu;
  model.gated_mlp = true;
  model.num_kv_heads = 2;
  model.linear_bias = model.qkv_bias = model.norm_bias = false;
  model.position_embedding = PositionEmbedding::kRotary;
  model.max_positions = 0;
  model.tied_embeddings = false;
  return model;
}

Model bert() {
  Model model = gpt();
  model.causal = false;
  model.embedding_norm = true;
  model.token_types = 2;
  model.pooler = model.mlm_head = model.nsp_head = true;
  return model;
}

LocalShape shape_of(const Model& model, std::int64_t tp = 1) {
  LocalShape shape;
  shape.tp = tp;
  shape.batch = 2;
  shape.seq_len = 128;
  shape.padded_vocab = padded_vocabulary(model.vocab_size, 1, tp);
  shape.flash_attention = false;
  return shape;
}

std::int64_t parameters(const Model& model, const LocalShape& shape) {
  using enum WeightHome;
  const OperatorGraph embedding = embedding_graph(model, shape), layer = layer_graph(model, shape),
                      head = head_graph(model, shape);
  // A tied output matrix is the word embedding: counted there.
  return embedding.parameters(kWordEmbedding) + embedding.parameters(kGraph) +
         model.num_layers * layer.parameters(kGraph) + head.parameters(kGraph);
}

double flops(const std::vector<KernelCall>& calls) {
  double sum = 0;
  for (const auto& [kernel, operands, arguments, needs_index] : calls)
    if (info(kernel.kind).family != KernelFamily::kMemoryBound) sum += flops_of(kernel).value();
  return sum;
}

double forward_flops(const OperatorGraph& graph) {
  double sum = 0;
  for (const Operator& op : graph.operators) sum += flops(op.forward);
  return sum;
}

double backward_flops(const OperatorGraph& graph) {
  double sum = 0;
  for (const Operator& op : graph.operators) sum += flops(op.backward) + flops(op.wgrad);
  return sum;
}

TEST(Operators, ParametersAddUpToTheModels) {
  for (const Model& model : {gpt(), llama(), bert()})
    EXPECT_EQ(parameters(model, shape_of(model)), count_parameters(model).total);
}

// Unfused attention computes all scores, as the model count does.
TEST(Operators, ProductsAddUpToTheModelFlops) {
  for (const Model& model : {gpt(), llama(), bert()}) {
    const LocalShape shape = shape_of(model);
    double sum = static_cast<double>(model.num_layers) * forward_flops(layer_graph(model, shape)) +
                 forward_flops(head_graph(model, shape));
    // The next-sentence classifier (2 x H per sequence) is too small to be a kernel here.
    if (model.nsp_head) sum += 2.0 * 2 * static_cast<double>(shape.batch * model.hidden_size);
    const double expected = forward_flops_per_sequence(model, shape.seq_len).value() * 2;
    EXPECT_DOUBLE_EQ(sum, expected);
  }
}

TEST(Operators, BackwardTakesTwiceTheProductsOfForward) {
  for (const Model& model : {gpt(), llama(), bert()})
    for (const OperatorGraph& graph :
         {layer_graph(model, shape_of(model)), head_graph(model, shape_of(model))})
      EXPECT_DOUBLE_EQ(backward_flops(graph), 2 * forward_flops(graph));
}

TEST(Operators, TensorParallelRanksShareTheProductsOfALayer) {
  const Model model = gpt();
  EXPECT_DOUBLE_EQ(4 * forward_flops(layer_graph(model, shape_of(model, 4))),
                   forward_flops(layer_graph(model, shape_of(model, 1))));
}

// Fewer key heads than ranks: each rank holds one whole head.
TEST(Operators, KeyHeadsAreCopiedWhenTheyDoNotReach) {
  const Model model = llama();  // 8 heads, 2 key heads of 32
  const OperatorGraph layer = layer_graph(model, shape_of(model, 4));
  const auto qkv = std::find_if(layer.operators.begin(), layer.operators.end(),
                                [](const Operator& op) { return op.name == "attention.qkv"; });
  EXPECT_EQ(qkv->forward.front().kernel.dims[1], (2 + 2 * 1) * 32);
}

TEST(Operators, EveryTensorIsMadeBeforeItIsRead) {
  for (const Model& model : {gpt(), llama(), bert()})
    for (const bool flash : {false, true}) {
      LocalShape shape = shape_of(model, 2);
      shape.flash_attention = flash;
      shape.sequence_parallel = true;
      for (const OperatorGraph& graph :
           {embedding_graph(model, shape), layer_graph(model, shape), head_graph(model, shape)}) {
        std::vector<bool> made(graph.tensors.size(), false);
        if (graph.input != kNoTensor) made[graph.input] = true;
        for (const Operator& op : graph.operators) {
          for (const TensorId t : op.inputs) EXPECT_TRUE(made[t]) << graph.name << " " << op.name;
          for (const TensorId t : op.outputs) made[t] = true;
          if (op.full != kNoTensor) made[op.full] = true;
          for (const TensorId t : op.saved) EXPECT_TRUE(made[t]) << graph.name << " " << op.name;
        }
        EXPECT_TRUE(graph.output == kNoTensor || made[graph.output]);
      }
    }
}

TEST(Operators, DropoutBelongsToModelsWithLayerNorm) {
  EXPECT_TRUE(has_hidden_dropout(gpt()));
  EXPECT_FALSE(has_hidden_dropout(llama()));
}

}  // namespace
}  // namespace stepcast
