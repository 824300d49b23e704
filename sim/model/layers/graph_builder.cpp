#include "sim/model/layers/graph_builder.h"

#include <cmath>
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

WeightId GraphBuilder::weight(Weight weight) {
  graph_.weights.push_back(std::move(weight));
  return static_cast<WeightId>(graph_.weights.size() - 1);
}

WeightId GraphBuilder::local_vector(std::string name, std::int64_t elements, Initial initial) {
  return weight({.name = std::move(name),
                 .shape = {.columns = elements, .initial = initial},
                 .partial_gradient = shape_.splits_sequence()});
}

Kernel GraphBuilder::streaming(KernelKind kind, std::int64_t first, std::int64_t second) const {
  return {.kind = kind, .dtype = shape_.storage(), .dims = {first, second}};
}

KernelCall GraphBuilder::streaming(KernelKind kind, std::int64_t first, std::int64_t second,
                                   std::vector<OperandRef> operands,
                                   KernelArguments arguments) const {
  return {.kernel = streaming(kind, first, second),
          .operands = std::move(operands),
          .arguments = arguments};
}

OperandRef GraphBuilder::held(WeightId id) const {
  const WeightShape& shape = graph_.weights[id].shape;
  return {.source = OperandRef::Source::kWeight,
          .id = id,
          .layout = Layout::dense(shape.rows, shape.columns)};
}

OperandRef GraphBuilder::gradient_of_weight(WeightId id) const {
  OperandRef ref = held(id);
  ref.source = OperandRef::Source::kWeightGradient;
  return ref;
}

OperandRef GraphBuilder::take_bias(TensorId tensor) {
  const auto found = biases_to_add_.find(tensor);
  if (found == biases_to_add_.end()) return absent();
  const OperandRef bias = held(found->second);
  biases_to_add_.erase(found);
  return bias;
}

TensorId GraphBuilder::linear(const Linear& layer) {
  const std::int64_t rows = layer.rows, in = layer.inputs, out = layer.outputs;
  const Region region = shape_.tp > 1 ? layer.region : Region::kLocal;
  const bool row = region == Region::kRow, split = shape_.splits_sequence();
  Operator op{.name = layer.name,
              .region = region,
              .inputs = {layer.input},
              .outputs = {activation(layer.name, (row ? shape_.local_tokens() : rows) * out)},
              .saved = {layer.input}};
  if (split && region == Region::kColumn) {
    op.full = activation(layer.name + ".gathered", rows * in);
    if (shape_.gathered_inputs_kept) op.saved.push_back(op.full);
  }
  if (split && row) op.full = activation(layer.name + ".partial", rows * out);
  if (layer.row_maximum)
    op.outputs.push_back(tensor(layer.name + ".row_maximum", rows, Dtype::kFp32));
  add_weights(layer, region, op);
  add_products(layer, region, op);
  const TensorId result = op.outputs.front();
  add(std::move(op));
  return result;
}

void GraphBuilder::add_weights(const Linear& layer, Region region, Operator& op) {
  const bool column = region == Region::kColumn, row = region == Region::kRow;
  const bool partial = !column && !row && shape_.splits_sequence();
  std::vector<std::int64_t> sections = layer.sections;
  if (sections.empty()) sections = {row ? layer.inputs : layer.outputs};
  if (!column && !row) sections.clear();
  WeightShape matrix{.rows = layer.outputs, .columns = layer.inputs};
  if (layer.ends_branch) matrix.deviation /= std::sqrt(2 * static_cast<double>(model_.num_layers));
  if (column) matrix.split = SplitAxis::kRows;
  if (row) matrix.split = SplitAxis::kColumns;
  matrix.sections = sections;
  const bool named = !layer.weight_name.empty();
  op.weights.push_back(weight({.name = named ? layer.weight_name : layer.name + ".weight",
                               .shape = matrix,
                               .home = layer.home,
                               .partial_gradient = partial}));
  if (!layer.bias) return;
  WeightShape bias{.columns = layer.outputs, .initial = Initial::kZeros};
  if (column) {
    bias.split = SplitAxis::kColumns;
    bias.sections = sections;
  }
  op.weights.push_back(
      weight({.name = layer.name + ".bias", .shape = bias, .partial_gradient = partial}));
  if (layer.region == Region::kRow) biases_to_add_[op.outputs.front()] = op.weights.back();
}

/// The kernels work on whole sequences: on `full` where the input or the output is split.
void GraphBuilder::add_products(const Linear& layer, Region region, Operator& op) const {
  const std::int64_t rows = layer.rows, in = layer.inputs, out = layer.outputs;
  const bool full = op.full != kNoTensor, row = region == Region::kRow;
  const TensorId x = full && !row ? op.full : layer.input;
  const TensorId y = full && row ? op.full : op.outputs.front();
  const Layout inputs = Layout::dense(rows, in), outputs = Layout::dense(rows, out);
  const OperandRef weight = held(op.weights.front());
  const bool adds_bias = layer.bias && layer.region != Region::kRow;
  const Dtype dtype = shape_.dtype;
  op.forward = {
      {.kernel = {.kind = KernelKind::kGemmForward, .dtype = dtype, .dims = {rows, out, in, 1}},
       .operands = {
           value(x, inputs), weight, adds_bias ? held(op.weights.back()) : absent(),
           value(y, outputs),
           layer.row_maximum ? value(op.outputs.back(), Layout::dense(1, rows)) : absent()}}};
  op.backward = {
      {.kernel = {.kind = KernelKind::kGemmDgrad, .dtype = dtype, .dims = {rows, in, out, 1}},
       .operands = {gradient(y, outputs), weight, gradient(x, inputs)}}};
  op.wgrad = {
      {.kernel = {.kind = KernelKind::kGemmWgrad, .dtype = dtype, .dims = {in, out, rows, 1}},
       .operands = {value(x, inputs), gradient(y, outputs), gradient_of_weight(op.weights.front()),
                    layer.bias ? gradient_of_weight(op.weights.back()) : absent()}}};
}

OperatorGraph GraphBuilder::finish(TensorId output) && {
  graph_.output = output;
  return std::move(graph_);
}

}  // namespace stepcast
