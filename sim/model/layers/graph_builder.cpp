#include "sim/model/layers/graph_builder.h"

#include <utility>

namespace stepcast {

GraphBuilder::GraphBuilder(std::string name, const Model& model, const LocalShape& shape)
    : model_(model), shape_(shape) {
  graph_.name = std::move(name);
}

TensorId GraphBuilder::begin_with_input() {
  graph_.input = activation("input", shape_.local_tokens() * model_.hidden_size);
  return graph_.input;
}

TensorId GraphBuilder::tensor(std::string name, std::int64_t elements, Dtype dtype) {
  graph_.tensors.push_back({.name = std::move(name), .elements = elements, .dtype = dtype});
  return static_cast<TensorId>(graph_.tensors.size() - 1);
}

TensorId GraphBuilder::activation(std::string name, std::int64_t elements) {
  return tensor(std::move(name), elements, shape_.storage());
}

TensorId GraphBuilder::mask(std::string name, std::int64_t elements) {
  return tensor(std::move(name), elements, Dtype::kFp8);
}

Kernel GraphBuilder::streaming(KernelKind kind, std::int64_t first, std::int64_t second) const {
  return {.kind = kind, .dtype = shape_.storage(), .dims = {first, second}};
}

TensorId GraphBuilder::linear(const Linear& layer) {
  const std::int64_t rows = layer.rows, in = layer.inputs, out = layer.outputs;
  const Region region = shape_.tp > 1 ? layer.region : Region::kLocal;
  const bool row = region == Region::kRow, split = shape_.splits_sequence();
  Operator op{.name = layer.name,
              .region = region,
              .inputs = {layer.input},
              .outputs = {activation(layer.name, (row ? shape_.local_tokens() : rows) * out)},
              .saved = {layer.input},
              .parameters = in * out + (layer.bias ? out : 0),
              .home = layer.home};
  if (split && region == Region::kColumn) {
    op.full = activation(layer.name + ".gathered", rows * in);
    if (shape_.gathered_inputs_kept) op.saved.push_back(op.full);
  }
  if (split && row) op.full = activation(layer.name + ".partial", rows * out);
  const Dtype dtype = shape_.dtype;
  op.forward = {{.kind = KernelKind::kGemmForward, .dtype = dtype, .dims = {rows, out, in, 1}}};
  op.backward = {{.kind = KernelKind::kGemmDgrad, .dtype = dtype, .dims = {rows, in, out, 1}}};
  op.wgrad = {{.kind = KernelKind::kGemmWgrad, .dtype = dtype, .dims = {in, out, rows, 1}}};
  const TensorId result = op.outputs.front();
  add(std::move(op));
  return result;
}

OperatorGraph GraphBuilder::finish(TensorId output) && {
  graph_.output = output;
  return std::move(graph_);
}

}  // namespace stepcast
