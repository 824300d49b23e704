// Appends tensors and operators to an OperatorGraph; knows linear layers, which all kinds of layer
// use.
#pragma once

#include <string>

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

  void add(Operator op) { graph_.operators.push_back(std::move(op)); }

  /// Memory-bound kernel of the activations' dtype over `first` (and `second`) elements.
  Kernel streaming(KernelKind kind, std::int64_t first, std::int64_t second = 0) const;

  struct Linear {
    std::string name;
    Region region = Region::kLocal;
    TensorId input = kNoTensor;
    std::int64_t rows = 0;     ///< of the product: tokens it covers
    std::int64_t inputs = 0;   ///< local features read
    std::int64_t outputs = 0;  ///< local features written
    bool bias = false;
    WeightHome home = WeightHome::kGraph;
  };
  /// y = x w + b. kColumn takes (local_tokens, inputs) and gives (rows, outputs); kRow takes
  /// (rows, inputs) and gives (local_tokens, outputs); kLocal keeps its rows. The bias of a kRow
  /// layer is held by every rank, the others' is split with the weight.
  TensorId linear(const Linear& layer);

  OperatorGraph finish(TensorId output) &&;

 private:
  const Model& model_;
  const LocalShape& shape_;
  OperatorGraph graph_;
};

}  // namespace stepcast
