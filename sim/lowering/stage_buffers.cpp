#include "sim/lowering/stage_buffers.h"

#include <algorithm>
#include <string>

namespace stepcast {
namespace {

using enum BufferCategory;

/// Received and sent tensors; one instance per microbatch, since messages overlap.
BufferId boundary(StageWriter& writer, const Step& step, const std::string& name,
                  BufferCategory category) {
  const std::int64_t elements = step.shape.local_tokens() * step.model.hidden_size;
  const Dtype dtype = step.shape.storage();
  return writer.program().buffer(name, Bytes(elements * size_of(dtype)), dtype, category);
}

}  // namespace

ModelGraphs::ModelGraphs(const Step& step) {
  const auto entry = [&](OperatorGraph graph, Recompute recompute) {
    Lifetimes lives = lifetimes_of(graph, recompute);
    WeightPlacement own = place_weights(graph, WeightHome::kGraph, step);
    WeightPlacement words = place_weights(graph, WeightHome::kWordEmbedding, step);
    return Entry{.graph = std::move(graph),
                 .lives = std::move(lives),
                 .own = std::move(own),
                 .words = std::move(words)};
  };
  embedding = entry(embedding_graph(step.model, step.shape), Recompute::kNone);
  layer = entry(layer_graph(step.model, step.shape), step.plan.recompute);
  head = entry(head_graph(step.model, step.shape), Recompute::kNone);
}

StageBuffers::StageBuffers(StageWriter& writer, const Step& step, const ModelGraphs& graphs,
                           const std::vector<Chunk>& chunks)
    : writer_(writer), step_(step), graphs_(graphs) {
  bool embedding = false, layers = false, head = false;
  for (const Chunk& chunk : chunks) {
    embedding = embedding || chunk.embedding;
    layers = layers || chunk.num_layers > 0;
    head = head || chunk.head;
  }
  declare_held_by_libraries();
  if (embedding) shared_embedding_ = share(graphs_.embedding);
  if (layers) shared_layer_ = share(graphs_.layer);
  if (head) shared_head_ = share(graphs_.head);
  if (embedding) shared_embedding_.tokens = declare_ids("batch.tokens", AtStart::kTokens);
  if (head) {
    shared_head_.labels = declare_ids("batch.labels", AtStart::kLabels);
    shared_head_.loss = declare_scalar("loss", AtStart::kZero);
  }
  for (const Chunk& chunk : chunks) add_chunk(chunk);
  declare_optimizer();
  writer_.program().facts().loss = shared_head_.loss;
  writer_.program().facts().batch = {.sequences = step_.shape.batch, .tokens = step_.shape.seq_len};
}

/// Token ids of a microbatch, 4 bytes each: there before the step begins.
BufferId StageBuffers::declare_ids(const char* name, AtStart what) {
  return writer_.program().resident(name, Bytes(4 * step_.shape.tokens()), Dtype::kFp32, kWorkspace,
                                    what, Scope::kMicrobatch);
}

BufferId StageBuffers::declare_scalar(const char* name, AtStart at_start) {
  return writer_.program().resident(name, Bytes(size_of(Dtype::kFp32)), Dtype::kFp32, kWorkspace,
                                    at_start);
}

std::int64_t StageBuffers::parameters() const {
  std::int64_t sum = 0;
  for (const WeightBuffers& weights : weights_) sum += weights.count();
  return sum;
}

std::int64_t StageBuffers::weight_tensors() const {
  std::int64_t count = 0;
  for (const ChunkBuffers& chunk : chunks_)
    for (const GraphInstance& instance : chunk.graphs)
      for (const Operator& op : instance.graph().operators) count += op.weights.empty() ? 0 : 1;
  return count;
}

SharedBuffers StageBuffers::share(const ModelGraphs::Entry& entry) {
  const OperatorGraph& graph = entry.graph;
  SharedBuffers shared;
  shared.tensors.assign(graph.tensors.size(), kNone);
  shared.gradients.assign(graph.tensors.size(), kNone);
  const auto declare = [&](const std::string& name, Bytes size, Dtype dtype,
                           BufferCategory category) {
    return writer_.program().buffer(graph.name + "." + name, size, dtype, category, Scope::kStep);
  };
  if (step_.keeps_gather_buffers())
    for (const Operator& op : graph.operators)
      if (op.region == Region::kColumn) shared.tensors[op.full] = gathered_input_;
  const Dtype dtype = step_.weight_dtype(), storage = step_.shape.storage();
  std::vector<bool> full(graph.tensors.size(), false);
  for (const Operator& op : graph.operators)
    if (op.full != kNoTensor) full[op.full] = true;
  for (TensorId t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (t == graph.input || t == graph.output) continue;
    if (!entry.lives.kept[t] && shared.tensors[t] == kNone)
      shared.tensors[t] = declare(tensor.name, tensor.size(), tensor.dtype, kWorkspace);
    if (!full[t])
      shared.gradients[t] = declare(tensor.name + ".gradient",
                                    Bytes(tensor.elements * size_of(storage)), storage, kWorkspace);
  }
  for (const Operator& op : graph.operators) {
    if (op.full != kNoTensor && op.region == Region::kRow && step_.keeps_gather_buffers())
      shared.gradients[op.full] = gathered_gradient_;
    else if (op.full != kNoTensor)
      shared.gradients[op.full] =
          declare(op.name + ".full_gradient", graph.tensors[op.full].size(), dtype, kCommunication);
    BufferId weight = kNone;
    if (step_.adds_gradients() && !step_.keeps_half_gradients() && !op.weights.empty())
      weight = declare(op.name + ".weight_gradient", Bytes(graph.parameters(op) * size_of(dtype)),
                       dtype, kWorkspace);
    shared.weight_gradients.push_back(weight);
  }
  return shared;
}

WeightBuffers StageBuffers::declare_weights(const std::string& name, const OperatorGraph& graph,
                                            const WeightPlacement& placement, WeightHome home) {
  WeightBuffers weights;
  weights.placement = &placement;
  const Dtype dtype = step_.weight_dtype(), sum = step_.gradient_dtype();
  const auto resident = [&](const char* what, Dtype type, BufferCategory category,
                            AtStart at_start) {
    return writer_.program().resident(name + what, Bytes(placement.size * size_of(type)), type,
                                      category, at_start);
  };
  weights.parameters = resident(".parameters", dtype, kParameters, AtStart::kKept);
  weights.gradients = resident(".gradients", sum, kGradients, AtStart::kZero);
  // The bucket that the data-parallel wrapper keeps beside the fp32 sums.
  if (step_.keeps_half_gradients())
    weights.half_gradients = resident(".half_gradients", dtype, kCommunication, AtStart::kNothing);
  weights_.push_back(weights);
  const bool layer = &graph == &graphs_.layer.graph;
  describe_weights(weights, layer ? name + "." : "", graph, home);
  return weights;
}

void StageBuffers::describe_weights(const WeightBuffers& buffers, const std::string& prefix,
                                    const OperatorGraph& graph, WeightHome home) {
  std::vector<WeightTensor>& table = writer_.program().facts().weights;
  for (WeightId id = 0; id < graph.weights.size(); ++id) {
    const Weight& weight = graph.weights[id];
    if (weight.home != home) continue;
    table.push_back({.name = prefix + weight.name,
                     .parameters = buffers.parameters,
                     .gradients = buffers.gradients,
                     .offset = buffers.placement->offsets[id],
                     .shape = weight.shape});
  }
}

const WeightBuffers& StageBuffers::word_embedding_weights() {
  if (words_) return *words_;
  words_ = declare_weights("word_embedding", graphs_.embedding.graph, graphs_.embedding.words,
                           WeightHome::kWordEmbedding);
  // The head of another stage than the embedding's: tied, and counted there.
  words_->counted_elsewhere = weights_.back().counted_elsewhere =
      writer_.program().facts().weights.back().counted_elsewhere =
          shared_embedding_.tokens == kNone;
  return *words_;
}

void StageBuffers::add_chunk(const Chunk& chunk) {
  const std::string name = "chunk" + std::to_string(chunks_.size());
  ChunkBuffers& buffers = chunks_.emplace_back();
  if (!chunk.embedding) {
    buffers.input = boundary(writer_, step_, name + ".input", kActivations);
    buffers.input_gradient = boundary(writer_, step_, name + ".input.gradient", kCommunication);
  } else {
    append(buffers, graphs_.embedding, shared_embedding_, -1);
  }
  for (std::int64_t i = 0; i < chunk.num_layers; ++i)
    append(buffers, graphs_.layer, shared_layer_, chunk.first_layer + i);
  if (chunk.head) {
    append(buffers, graphs_.head, shared_head_, -1);
  } else {
    buffers.output = buffers.graphs.back().tensors[buffers.graphs.back().graph().output];
    buffers.output_gradient = buffers.graphs.back().output_gradient;
  }
}

/// Strings one more graph behind the last one: its input is the output before it.
void StageBuffers::append(ChunkBuffers& chunk, const ModelGraphs::Entry& entry,
                          const SharedBuffers& shared, std::int64_t layer) {
  const OperatorGraph& graph = entry.graph;
  const std::string name = layer < 0 ? graph.name : graph.name + std::to_string(layer);
  GraphInstance instance{
      .entry = &entry, .shared = &shared, .layer = layer, .tensors = shared.tensors};
  for (TensorId t = 0; t < graph.tensors.size(); ++t) {
    const Tensor& tensor = graph.tensors[t];
    if (t != graph.input && t != graph.output && entry.lives.kept[t])
      instance.tensors[t] = writer_.program().buffer(name + "." + tensor.name, tensor.size(),
                                                     tensor.dtype, kActivations);
  }
  if (graph.input != kNoTensor) {
    const GraphInstance* before = chunk.graphs.empty() ? nullptr : &chunk.graphs.back();
    instance.tensors[graph.input] = before ? before->tensors[before->graph().output] : chunk.input;
    instance.input_gradient = before ? before->output_gradient : chunk.input_gradient;
  }
  if (graph.output != kNoTensor) {
    instance.tensors[graph.output] = boundary(writer_, step_, name + ".output", kActivations);
    instance.output_gradient = boundary(writer_, step_, name + ".output.gradient", kCommunication);
  }
  if (entry.own.size > 0)
    instance.own = declare_weights(name, graph, entry.own, WeightHome::kGraph);
  if (entry.words.size > 0) instance.words = word_embedding_weights();
  chunk.graphs.push_back(std::move(instance));
}

/// What stays in the allocator's hands, though no tensor of the model lies in it.
void StageBuffers::declare_held_by_libraries() {
  const Dtype dtype = step_.shape.storage();
  const auto resident = [&](const char* name, Bytes size) {
    return writer_.program().resident(name, size, dtype, kCommunication, AtStart::kNothing);
  };
  if (step_.traits.gemm_workspace > Bytes(0))
    writer_.program().resident("gemm_workspace", step_.traits.gemm_workspace, dtype, kWorkspace,
                               AtStart::kNothing);
  if (!step_.keeps_gather_buffers()) return;
  const Bytes whole(step_.shape.tokens() * step_.model.hidden_size * size_of(dtype));
  gathered_input_ = resident("gathered_input", whole);
  gathered_gradient_ = resident("gathered_gradient", whole);
}

bool StageBuffers::counts_gradients() const {
  return std::ranges::any_of(weights_, [](const WeightBuffers& weights) {
    return !weights.counted_elsewhere && weights.count() > 0;
  });
}

/// The optimizer's fp32 moments, and an fp32 copy of 16-bit weights (Rajbhandari et al. 2020,
/// section 3.1: K = 12 with Adam). Under ZeRO-1 of this rank's share only.
void StageBuffers::declare_optimizer() {
  const std::int64_t count = step_.updated(parameters());
  const auto resident = [&](const char* name, std::int64_t bytes, Dtype dtype,
                            BufferCategory category, AtStart at_start) {
    return writer_.program().resident(name, Bytes(bytes), dtype, category, at_start);
  };
  if (step_.has_master_copy())
    optimizer_.master =
        resident("optimizer.master", 4 * count, Dtype::kFp32, kOptimizerState, AtStart::kKept);
  optimizer_.moments = resident("optimizer.moments", 4 * step_.optimizer.moments * count,
                                Dtype::kFp32, kOptimizerState, AtStart::kKept);
  if (step_.traits.grad_norm_clip) {
    gradient_norm_ =
        declare_scalar("gradient_norm", counts_gradients() ? AtStart::kNothing : AtStart::kZero);
    writer_.program().facts().gradient_norm = gradient_norm_;
  }
  // nanotron's gather of the updated weights: a flat copy of all and one of the own share.
  if (step_.has_accumulation_copy() && step_.shards_optimizer()) {
    const Dtype dtype = step_.weight_dtype();
    resident("parameter_gather.all", parameters() * size_of(dtype), dtype, kCommunication,
             AtStart::kNothing);
    resident("parameter_gather.share", count * size_of(dtype), dtype, kCommunication,
             AtStart::kNothing);
  }
}

}  // namespace stepcast
