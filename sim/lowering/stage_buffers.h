// The buffers of one stage: weights with their gradients and optimizer state, what each layer keeps
// for its backward pass, and the tensors between layers.
#pragma once

#include <optional>
#include <vector>

#include "sim/lowering/recompute.h"
#include "sim/lowering/stage_layout.h"
#include "sim/lowering/stage_writer.h"
#include "sim/lowering/step.h"
#include "sim/lowering/weight_placement.h"

namespace stepcast {

/// The three graphs of a model with the lives of their tensors; the same for all stages.
struct ModelGraphs {
  explicit ModelGraphs(const Step& step);
  struct Entry {
    OperatorGraph graph;
    Lifetimes lives;
    WeightPlacement own, words;  ///< WeightHome::kGraph, kWordEmbedding
  };
  Entry embedding, layer, head;
};

/// Resident buffers of a group of weights.
struct WeightBuffers {
  const WeightPlacement* placement = nullptr;
  BufferId parameters = kNone;
  BufferId gradients = kNone;  ///< the sum over microbatches
  BufferId half_gradients =
      kNone;  ///< with an accumulation copy and dp > 1: what the kernels write
  /// The first stage has the same tied embedding, and counts it in the norm.
  bool counted_elsewhere = false;

  std::int64_t count() const { return placement ? placement->size : 0; }
  View parameters_of(const WeightRun& run) const { return view(parameters, run); }
  View gradients_of(const WeightRun& run) const { return view(gradients, run); }

 private:
  static View view(BufferId buffer, const WeightRun& run) {
    return {.buffer = buffer, .layout = Layout::dense(1, run.count, run.offset)};
  }
};

/// Optimizer state: pieces of `elements`, one behind the other.
struct OptimizerBuffers {
  BufferId moments = kNone;  ///< all first moments, then all second ones, if there are
  BufferId master = kNone;   ///< kNone where the weights are fp32
};

/// Buffers that all instances of a graph use in turn, since they live inside one call.
struct SharedBuffers {
  std::vector<BufferId> tensors;                          ///< by TensorId; those that are not kept
  std::vector<BufferId> gradients;                        ///< by TensorId
  std::vector<BufferId> weight_gradients;                 ///< by operator: where a kernel adds them
  BufferId tokens = kNone, labels = kNone, loss = kNone;  ///< of the embedding; of the head
};

/// One layer (or embedding, or head) of a stage.
struct GraphInstance {
  const ModelGraphs::Entry* entry = nullptr;
  const SharedBuffers* shared = nullptr;
  std::int64_t layer = -1;        ///< in the model
  std::vector<BufferId> tensors;  ///< by TensorId
  BufferId input_gradient = kNone, output_gradient = kNone;
  WeightBuffers own = {};    ///< WeightHome::kGraph
  WeightBuffers words = {};  ///< WeightHome::kWordEmbedding

  const OperatorGraph& graph() const { return entry->graph; }
};

/// One model chunk; kNone where it begins with the embedding or ends with the head.
struct ChunkBuffers {
  std::vector<GraphInstance> graphs;
  BufferId input = kNone, output = kNone;
  BufferId input_gradient = kNone, output_gradient = kNone;
};

class StageBuffers {
 public:
  /// Declares the buffers; `chunks` are this stage's. Keeps the references.
  StageBuffers(StageWriter& writer, const Step& step, const ModelGraphs& graphs,
               const std::vector<Chunk>& chunks);
  StageBuffers(const StageBuffers&) = delete;

  const std::vector<ChunkBuffers>& chunks() const { return chunks_; }
  /// Every group of weights once.
  const std::vector<WeightBuffers>& weights() const { return weights_; }
  std::int64_t parameters() const;
  /// Operators with weights of their own or shared ones.
  std::int64_t weight_tensors() const;
  const std::optional<WeightBuffers>& word_embedding() const { return words_; }
  const OptimizerBuffers& optimizer() const { return optimizer_; }
  BufferId gradient_norm() const { return gradient_norm_; }
  /// False for a stage whose weights are all counted elsewhere: its share of the norm is zero.
  bool counts_gradients() const;

 private:
  SharedBuffers share(const ModelGraphs::Entry& entry);
  WeightBuffers declare_weights(const std::string& name, const OperatorGraph& graph,
                                const WeightPlacement& placement, WeightHome home);
  void describe_weights(const WeightBuffers& buffers, const std::string& prefix,
                        const OperatorGraph& graph, WeightHome home);
  BufferId declare_ids(const char* name, AtStart what);
  BufferId declare_scalar(const char* name, AtStart at_start);
  const WeightBuffers& word_embedding_weights();
  void add_chunk(const Chunk& chunk);
  void append(ChunkBuffers& chunk, const ModelGraphs::Entry& entry, const SharedBuffers& shared,
              std::int64_t layer);
  void declare_optimizer();
  void declare_held_by_libraries();

  StageWriter& writer_;
  const Step& step_;
  const ModelGraphs& graphs_;
  BufferId gathered_input_ = kNone, gathered_gradient_ = kNone;  ///< keeps_gather_buffers()
  SharedBuffers shared_embedding_, shared_layer_, shared_head_;
  std::vector<ChunkBuffers> chunks_;
  std::vector<WeightBuffers> weights_;
  std::optional<WeightBuffers> words_;
  OptimizerBuffers optimizer_;
  BufferId gradient_norm_ = kNone;
};

}  // namespace stepcast
