#include "sim/lowering/data_parallel.h"

#include <string>
#include <utility>

namespace stepcast {
namespace {

std::vector<BufferId> gradients_of(const std::vector<WeightBuffers>& weights) {
  std::vector<BufferId> result;
  for (const WeightBuffers& group : weights) result.push_back(group.gradients);
  return result;
}

std::vector<BufferId> parameters_of(const std::vector<WeightBuffers>& weights) {
  std::vector<BufferId> result;
  for (const WeightBuffers& group : weights) result.push_back(group.parameters);
  return result;
}

std::int64_t count_of(const std::vector<WeightBuffers>& weights) {
  std::int64_t sum = 0;
  for (const WeightBuffers& group : weights) sum += group.count;
  return sum;
}

}  // namespace

DataParallel::DataParallel(StageWriter& writer, const Step& step, const StageBuffers& buffers)
    : writer_(writer),
      step_(step),
      buffers_(buffers),
      reduced_(writer.program().event("gradients.reduced", Scope::kStep)),
      embedding_reduced_(writer.program().event("embedding.reduced", Scope::kStep)),
      norm_reduced_(writer.program().event("norm.reduced", Scope::kStep)) {}

void DataParallel::gradients_ready(const GraphInstance& instance) {
  if (instance.own.count > 0) bucket_.push_back(instance.own);
  // Tied on one stage, the word embedding gets its last gradient from the embedding itself, which
  // is passed last; a stage that holds it for the head only is done with it after the head.
  const bool embeds = instance.graph().input == kNoTensor;
  const bool embedded_later = buffers_.chunks().front().input == kNone && !embeds;
  if (instance.words.count > 0 && !embedded_later) bucket_.push_back(instance.words);
  const std::int64_t size = count_of(bucket_) * size_of(step_.reduced_dtype());
  if (size >= step_.plan.bucket_size.value()) end_of_chunk();
}

void DataParallel::end_of_chunk() {
  if (bucket_.empty()) return;
  reduce(std::exchange(bucket_, {}));
}

/// ZeRO-1 needs its share of the sum only (Rajbhandari et al. 2020, section 7.2).
void DataParallel::reduce(const std::vector<WeightBuffers>& weights) {
  writer_.set_origin(Phase::kGradientSync);
  std::vector<BufferId> wire = gradients_of(weights);
  const std::int64_t elements = count_of(weights);
  const Dtype dtype = step_.reduced_dtype();
  if (dtype != step_.gradient_dtype()) wire = {cast_to_wire(wire, elements)};
  writer_.collective({.stream = Stream::kData,
                      .group = GroupRole::kData,
                      .kind = step_.shards_optimizer() ? CollectiveKind::kReduceScatter
                                                       : CollectiveKind::kAllReduce,
                      .size = Bytes(elements * size_of(dtype)),
                      .dtype = dtype,
                      .reads = wire,
                      .writes = wire},
                     reduced_);
  reduces_ = true;
}

BufferId DataParallel::cast_to_wire(const std::vector<BufferId>& gradients, std::int64_t elements) {
  const Dtype dtype = step_.reduced_dtype();
  const BufferId wire = writer_.program().buffer("gradient_bucket" + std::to_string(casts_.size()),
                                                 Bytes(elements * size_of(dtype)), dtype,
                                                 BufferCategory::kCommunication, Scope::kStep);
  writer_.alloc(wire);
  writer_.compute({.kind = KernelKind::kCopy, .dtype = dtype, .dims = {elements}}, gradients,
                  {wire});
  casts_.push_back({.wire = wire, .gradients = gradients, .elements = elements});
  return wire;
}

BlockId DataParallel::write_update_block() {
  const BlockId block = writer_.begin_block("update", {writer_.computed()});
  if (step_.plan.dp > 1 && !step_.buckets_overlap()) reduce(buffers_.weights());
  finish_reduction();
  reduce_tied_embedding();
  clip();
  update();
  gather_parameters();
  writer_.set_origin(Phase::kOther);
  writer_.host_work(HostTask::kStep);
  writer_.end_block();
  return block;
}

void DataParallel::finish_reduction() {
  if (!reduces_) return;
  writer_.set_origin(Phase::kGradientSync);
  writer_.join(reduced_);
  for (const Cast& cast : casts_) {
    writer_.compute({.kind = KernelKind::kCopy,
                     .dtype = step_.reduced_dtype(),
                     .dims = {step_.updated(cast.elements)}},
                    {cast.wire}, cast.gradients);
    writer_.free(cast.wire);
  }
}

void DataParallel::reduce_tied_embedding() {
  if (step_.plan.pp == 1 || !step_.model.tied_embeddings || !buffers_.word_embedding()) return;
  writer_.set_origin(Phase::kGradientSync);
  const WeightBuffers& words = *buffers_.word_embedding();
  const Dtype dtype = step_.gradient_dtype();
  writer_.collective({.stream = Stream::kEmbedding,
                      .group = GroupRole::kEmbedding,
                      .kind = CollectiveKind::kAllReduce,
                      .size = Bytes(words.count * size_of(dtype)),
                      .dtype = dtype,
                      .reads = {words.gradients},
                      .writes = {words.gradients}},
                     embedding_reduced_);
  writer_.join(embedding_reduced_);
}

/// The norm over all parameters; the host reads it and decides whether to clip.
void DataParallel::clip() {
  if (!step_.traits.grad_norm_clip) return;
  writer_.set_origin(Phase::kOptimizer);
  writer_.compute({.kind = KernelKind::kGradNorm,
                   .dtype = step_.gradient_dtype(),
                   .dims = {step_.updated(buffers_.parameters())}},
                  gradients_of(buffers_.weights()), {});
  if (step_.plan.tp * step_.plan.pp == 1) return writer_.host_wait(Stream::kCompute);
  writer_.collective({.stream = Stream::kTensor,
                      .group = GroupRole::kModel,
                      .kind = CollectiveKind::kAllReduce,
                      .size = Bytes(size_of(Dtype::kFp32)),
                      .dtype = Dtype::kFp32,
                      .reads = {},
                      .writes = {}},
                     norm_reduced_);
  writer_.join(norm_reduced_);
  writer_.host_wait(Stream::kTensor);
}

void DataParallel::update() {
  writer_.set_origin(Phase::kOptimizer);
  if (step_.shards_by_tensor())
    writer_.host_work(HostTask::kShard,
                      static_cast<std::uint32_t>(buffers_.weight_tensors() * step_.plan.dp));
  std::vector<BufferId> writes = parameters_of(buffers_.weights());
  const std::span<const BufferId> state = buffers_.optimizer_state();
  writes.insert(writes.end(), state.begin(), state.end());
  writer_.compute({.kind = KernelKind::kAdam,
                   .dtype = step_.weight_dtype(),
                   .dims = {step_.updated(buffers_.parameters())}},
                  gradients_of(buffers_.weights()), std::move(writes));
}

void DataParallel::gather_parameters() {
  if (!step_.shards_optimizer()) return;
  const Dtype dtype = step_.weight_dtype();
  const std::vector<BufferId> parameters = parameters_of(buffers_.weights());
  writer_.collective({.stream = Stream::kData,
                      .group = GroupRole::kData,
                      .kind = CollectiveKind::kAllGather,
                      .size = Bytes(buffers_.parameters() * size_of(dtype)),
                      .dtype = dtype,
                      .reads = parameters,
                      .writes = parameters},
                     reduced_);
}

}  // namespace stepcast
