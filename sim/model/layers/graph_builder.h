// Appends tensors, weights and operators to an OperatorGraph; knows linear layers, which all kinds
// of layer use.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "sim/model/operators.h"

namespace stepcast {

class GraphBuilder {
 public:
  /// Keeps references to both.
  GraphBuilder(std::string name, const Model& model, const LocalShape& shape);

  const Model& model() const { return model_; }
  const LocalShape& shape() const { return shape_; }

  /// Declares the graph's input (local_tokens, H).
  TensorId begin_with_input();
  TensorId tensor(std::string name, std::int64_t elements, Dtype dtype);
  /// In the dtype in which activations are stored.
  TensorId activation(std::string name, std::int64_t elements);
  /// One byte per element.
  TensorId mask(std::string name, std::int64_t elements);
  WeightId weight(Weight weight);
  /// A vector that every rank holds whole and sees for its tokens only.
  WeightId local_vector(std::string name, std::int64_t elements, Initial initial);

  void add(Operator op) { graph_.operators.push_back(std::move(op)); }

  /// Memory-bound kernel of the activations' dtype over `first` (and `second`) elements.
  Kernel streaming(KernelKind kind, std::int64_t first, std::int64_t second = 0) const;
  /// The same with its operands and arguments.
  KernelCall streaming(KernelKind kind, std::int64_t first, std::int64_t second,
                       std::vector<OperandRef> operands, KernelArguments arguments = {}) const;

  OperandRef held(WeightId id) const;
  OperandRef gradient_of_weight(WeightId id) const;

  struct Linear {
    std::string name;
    Region region = Region::kLocal;
    TensorId input = kNoTensor;
    std::int64_t rows = 0;     ///< of the product: tokens it covers
    std::int64_t inputs = 0;   ///< local features read
    std::int64_t outputs = 0;  ///< local features written
    bool bias = false;
    WeightHome home = WeightHome::kGraph;
    std::vector<std::int64_t> sections = {};  ///< of kColumn, local; default {outputs}
    bool ends_branch = false;                 ///< writes to the residual stream
    std::string weight_name = {};             ///< default: name + ".weight"
    bool row_maximum = false;                 ///< writes it as a second output
  };
  /// y = x w' + b. kColumn takes (local_tokens, inputs) and gives (rows, outputs); kRow takes
  /// (rows, inputs) and gives (local_tokens, outputs); kLocal keeps its rows. The bias of a kRow
  /// layer is held by every rank, and added behind the sum over the ranks, by whoever reads the
  /// result (take_bias); the others' is split with the weight.
  TensorId linear(const Linear& layer);
  /// The bias that is still to be added to `tensor`; nothing if there is none.
  OperandRef take_bias(TensorId tensor);
  /// The second output of the linear layer made last.
  TensorId row_maximum() const { return graph_.operators.back().outputs.back(); }

  OperatorGraph finish(TensorId output) &&;

 private:
  void add_weights(const Linear& layer, Region region, Operator& op);
  void add_products(const Linear& layer, Region region, Operator& op) const;

  const Model& model_;
  const LocalShape& shape_;
  OperatorGraph graph_;
  std::map<TensorId, WeightId> biases_to_add_;
};

/// Operands: a tensor, or its gradient, laid out as said.
inline OperandRef value(TensorId id, const Layout& layout) {
  return {.source = OperandRef::Source::kTensor, .id = id, .layout = layout};
}
inline OperandRef gradient(TensorId id, const Layout& layout) {
  return {.source = OperandRef::Source::kGradient, .id = id, .layout = layout};
}
/// An optional operand that is left out.
inline OperandRef absent() { return {}; }

}  // namespace stepcast
