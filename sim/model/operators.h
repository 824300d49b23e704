// What a transformer computes on one tensor-parallel rank: operators with kernel shapes, the
// tensors between them, and what each must keep for its backward pass. A model is three graphs:
// what comes before the layers (embedding), one layer, and what comes after (head). Lowering
// strings them together and adds what parallelism needs; this room knows local sizes but neither
// streams nor communicators.
//
// Saved tensors follow Korthikanti et al. 2022 (Reducing Activation Recomputation in Large
// Transformer Models), section 4: an operator keeps what its gradient reads, a tensor that two
// operators keep is kept once. Statistics of norms are left out there and here (8 bytes per token).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/base/quantity.h"
#include "sim/compute/kernels.h"
#include "sim/compute/layout.h"
#include "sim/compute/operands.h"
#include "sim/compute/weight_shape.h"
#include "sim/model/model.h"

namespace stepcast {

/// The share of one rank in one microbatch, and how the software computes it.
struct LocalShape {
  std::int64_t tp = 1;
  bool sequence_parallel = false;  ///< Megatron's; means nothing when tp = 1
  std::int64_t batch = 1;          ///< sequences of a microbatch
  std::int64_t seq_len = 0;
  Dtype dtype = Dtype::kBf16;     ///< of the matrix products
  std::int64_t padded_vocab = 0;  ///< rows of the word embedding of all tp ranks, a multiple of tp
  bool flash_attention = true;
  bool attention_dropout = false;  ///< unfused attention only: dropout of the probabilities
  bool fused_activation = true;    ///< bias and activation, or gate and product, in one kernel
  bool fused_norm = true;
  bool fused_loss = true;             ///< reads the 16-bit logits
  bool gathered_inputs_kept = false;  ///< sequence parallel: gathered inputs are saved as well
  double loss_scale = 1;              ///< of each token's loss: 1 over the tokens of a global batch

  bool splits_sequence() const { return sequence_parallel && tp > 1; }
  std::int64_t tokens() const { return batch * seq_len; }
  /// Tokens of norms, residuals and stage boundaries on this rank.
  std::int64_t local_tokens() const { return splits_sequence() ? tokens() / tp : tokens(); }
  /// How activations are stored: fp8 products read and write 16-bit tensors.
  Dtype storage() const { return dtype == Dtype::kFp8 ? Dtype::kBf16 : dtype; }
};

using TensorId = std::uint32_t;
inline constexpr TensorId kNoTensor = 0xffffffffu;

struct Tensor {
  std::string name;  ///< "attention.qkv"
  std::int64_t elements = 0;
  Dtype dtype{};  ///< a dropout mask has one byte per element and is written as fp8
  Bytes size() const { return Bytes(elements * size_of(dtype)); }
};

/// How an operator's tensors lie over the tensor-parallel ranks (Shoeybi et al. 2019, section 3).
enum class Region : std::uint8_t {
  kLocal,           ///< every rank computes on what it has
  kColumn,          ///< weight split by columns: the input is whole, its gradient a partial sum
  kRow,             ///< weight split by rows: the output is a partial sum
  kVocabularyLoss,  ///< softmax over split logits: maximum, target logit and sum are reduced
};

/// Which resident buffer an operator's weight lies in.
enum class WeightHome : std::uint8_t {
  kGraph,          ///< with the other weights of its graph
  kWordEmbedding,  ///< the word embedding, shared with the output projection when tied
};

using WeightId = std::uint32_t;

/// A weight tensor of a graph.
struct Weight {
  std::string name;  ///< "attention.qkv.weight"
  WeightShape shape;
  WeightHome home = WeightHome::kGraph;
  /// Held whole by every rank, but seen by each for its part of a split sequence only: the gradient
  /// is a partial sum over the tensor-parallel ranks.
  bool partial_gradient = false;
};

/// What a kernel's operand is, before parallelism has given it a buffer.
struct OperandRef {
  enum class Source : std::uint8_t {
    kNothing,  ///< an optional operand that is left out
    kTensor,
    kGradient,  ///< of a tensor
    kWeight,
    kWeightGradient,
    kTokens,
    kLabels,
    kLoss,
  };
  Source source = Source::kNothing;
  std::uint32_t id = 0;  ///< TensorId or WeightId
  Layout layout = {};
};

/// A kernel with its operands, in the order of signature_of.
struct KernelCall {
  Kernel kernel;
  std::vector<OperandRef> operands;
  KernelArguments arguments = {};
  /// Needs the rank's index among the tensor-parallel ranks.
  bool needs_index = false;
};

/// One differentiable step. Gradients flow from outputs[0] to all inputs; the other outputs are
/// masks, statistics and probabilities without a gradient.
struct Operator {
  std::string name;  ///< "attention.qkv"
  Region region = Region::kLocal;
  std::vector<TensorId> inputs = {};
  std::vector<TensorId> constants = {};  ///< read as well, but without a gradient
  std::vector<TensorId> outputs = {};
  std::vector<TensorId> saved = {};  ///< of inputs, outputs and `full`: read by the backward pass
  /// With a split sequence: kColumn, the input gathered over the ranks; kRow, the output before it
  /// is reduced and scattered. kNoTensor otherwise: the collectives then work in place.
  TensorId full = kNoTensor;
  std::vector<KernelCall> forward = {};
  std::vector<KernelCall> backward = {};  ///< gradients of the inputs (dgrad)
  std::vector<KernelCall> wgrad = {};  ///< gradient of the weights, where it is a kernel of its own
  std::vector<WeightId> weights = {};  ///< whose gradients this operator's backward pass makes
  bool attention_core = false;         ///< what selective recomputation runs again
};

struct OperatorGraph {
  std::string name;  ///< "layer"
  std::vector<Tensor> tensors;
  std::vector<Weight> weights;
  std::vector<Operator> operators;  ///< in the order of the forward pass
  TensorId input = kNoTensor;       ///< kNoTensor: starts from token ids
  TensorId output = kNoTensor;      ///< kNoTensor: ends in the loss

  std::int64_t parameters(WeightHome home) const;
  std::int64_t parameters(const Operator& op) const;
};

/// Word and position embedding, their norm and dropout.
OperatorGraph embedding_graph(const Model& model, const LocalShape& shape);
/// One transformer layer: norm, attention, residual, norm, MLP, residual.
OperatorGraph layer_graph(const Model& model, const LocalShape& shape);
/// Final norm, BERT's heads, logits and loss.
OperatorGraph head_graph(const Model& model, const LocalShape& shape);

/// Vocabulary padded to a multiple of `divisor` * tp, as Megatron-LM pads it.
std::int64_t padded_vocabulary(std::int64_t vocab_size, std::int64_t divisor, std::int64_t tp);

/// GPT and BERT drop hidden units after attention, MLP and embedding; models with RMS norm (Llama
/// and its kin) train without.
bool has_hidden_dropout(const Model& model);

}  // namespace stepcast
