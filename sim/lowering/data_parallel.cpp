#include "sim/lowering/data_parallel.h"

#include <string>
#include <utility>

namespace stepcast {
namespace {

std::int64_t count_of(const std::vector<WeightBuffers>& weights) {
  std::int64_t sum = 0;
  for (const WeightBuffers& group : weights) sum += group.count();
  return sum;
}

}  // namespace

DataParallel::DataParallel(StageWriter& writer, const Step& step, const StageBuffers& buffers)
    : writer_(writer),
      step_(step),
      buffers_(buffers),
      reduced_(writer.program().event("gradients.reduced", Scope::kStep)),
      embedding_reduced_(writer.program().event("embedding.reduced", Scope::kStep)),
      norm_reduced_(writer.program().event("norm.reduced", Scope::kStep)),
      partial_reduced_(writer.program().event("partial.reduced", Scope::kStep)) {}

std::vector<DataParallel::Piece> DataParallel::pieces_of(
    const std::vector<WeightBuffers>& weights) {
  std::vector<Piece> pieces;
  for (const WeightBuffers& group : weights)
    for (const WeightRun& run : group.placement->runs) pieces.push_back({&group, &run});
  return pieces;
}

View DataParallel::owned(View view) const {
  if (step_.shards_optimizer()) view.own_part = GroupRole::kData;
  return view;
}

void DataParallel::gradients_ready(const GraphInstance& instance) {
  if (instance.own.count() > 0) bucket_.push_back(instance.own);
  // Tied on one stage, the word embedding gets its last gradient from the embedding itself, which
  // is passed last; a stage that holds it for the head only is done with it after the head.
  const bool embeds = instance.graph().input == kNoTensor;
  const bool embedded_later = buffers_.chunks().front().input == kNone && !embeds;
  if (instance.words.count() > 0 && !embedded_later) bucket_.push_back(instance.words);
  const std::int64_t size = count_of(bucket_) * size_of(step_.reduced_dtype());
  if (size >= step_.plan.bucket_size.value()) end_of_chunk();
}

void DataParallel::end_of_chunk() {
  if (bucket_.empty()) return;
  reduce(std::exchange(bucket_, {}));
}

/// All-reduced where they lie. ZeRO-1 needs its share of the sum only (Rajbhandari et al. 2020,
/// section 7.2): every run is scattered by itself, so that the share of a weight does not depend on
/// the bucket.
std::vector<CollectivePart> DataParallel::gradient_parts(
    const std::vector<WeightBuffers>& weights) const {
  std::vector<CollectivePart> parts;
  for (const auto& [group, run] : pieces_of(weights)) {
    const View view = group->gradients_of(*run);
    parts.push_back({.from = view, .to = owned(view)});
  }
  return parts;
}

std::vector<CollectivePart> DataParallel::wire_parts(
    BufferId wire, const std::vector<WeightBuffers>& weights) const {
  std::vector<CollectivePart> parts = gradient_parts(weights);
  std::int64_t offset = 0;
  for (CollectivePart& part : parts)
    for (View* view : {&part.from, &part.to}) {
      view->buffer = wire;
      view->layout.offset = offset;
      if (view == &part.to) offset += view->layout.columns;
    }
  return parts;
}

void DataParallel::reduce(const std::vector<WeightBuffers>& weights) {
  writer_.set_origin(Phase::kGradientSync);
  const std::int64_t elements = count_of(weights);
  const Dtype dtype = step_.reduced_dtype();
  const bool casts = dtype != step_.gradient_dtype();
  std::vector<CollectivePart> parts =
      casts ? wire_parts(cast_to_wire(weights, elements), weights) : gradient_parts(weights);
  writer_.collective({.stream = Stream::kData,
                      .group = GroupRole::kData,
                      .kind = step_.shards_optimizer() ? CollectiveKind::kReduceScatter
                                                       : CollectiveKind::kAllReduce,
                      .size = Bytes(elements * size_of(dtype)),
                      .dtype = dtype,
                      .parts = std::move(parts)},
                     reduced_);
  reduces_ = true;
}

BufferId DataParallel::cast_to_wire(const std::vector<WeightBuffers>& weights,
                                    std::int64_t elements) {
  const Dtype dtype = step_.reduced_dtype();
  const BufferId wire = writer_.program().buffer("gradient_bucket" + std::to_string(casts_.size()),
                                                 Bytes(elements * size_of(dtype)), dtype,
                                                 BufferCategory::kCommunication, Scope::kStep);
  writer_.alloc(wire);
  Compute cast{.kernel = {.kind = KernelKind::kCopy, .dtype = dtype, .dims = {elements}}};
  const std::vector<CollectivePart> sums = gradient_parts(weights),
                                    copies = wire_parts(wire, weights);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    cast.operands.push_back({.view = sums[i].from, .access = Access::kRead});
    cast.operands.push_back({.view = copies[i].from, .access = Access::kWrite});
  }
  writer_.compute(std::move(cast));
  casts_.push_back({.wire = wire, .gradients = weights, .elements = elements});
  return wire;
}

void DataParallel::cast_back(const Cast& cast) {
  Compute copy{.kernel = {.kind = KernelKind::kCopy,
                          .dtype = step_.reduced_dtype(),
                          .dims = {step_.updated(cast.elements)}}};
  const std::vector<CollectivePart> sums = gradient_parts(cast.gradients),
                                    copies = wire_parts(cast.wire, cast.gradients);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    copy.operands.push_back({.view = copies[i].to, .access = Access::kRead});
    copy.operands.push_back({.view = sums[i].to, .access = Access::kWrite});
  }
  writer_.compute(std::move(copy));
  writer_.free(cast.wire);
}

BlockId DataParallel::write_update_block() {
  const BlockId block = writer_.begin_block("update", {writer_.computed()});
  if (step_.plan.dp > 1 && !step_.buckets_overlap()) reduce(buffers_.weights());
  finish_reduction();
  reduce_partial_gradients();
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
  for (const Cast& cast : casts_) cast_back(cast);
}

/// With a split sequence each tensor-parallel rank has seen its own tokens only where weights are
/// held whole (norms, positions): Megatron-LM's all-reduce of layer-norm gradients.
void DataParallel::reduce_partial_gradients() {
  const Dtype dtype = step_.gradient_dtype();
  std::vector<CollectivePart> parts;
  std::int64_t elements = 0;
  for (const auto& [group, run] : pieces_of(buffers_.weights())) {
    if (!run->partial) continue;
    const View view = group->gradients_of(*run);
    parts.push_back({.from = view, .to = view});
    elements += run->count;
  }
  if (parts.empty()) return;
  writer_.set_origin(Phase::kGradientSync);
  writer_.collective({.stream = Stream::kTensor,
                      .group = GroupRole::kTensor,
                      .kind = CollectiveKind::kAllReduce,
                      .size = Bytes(elements * size_of(dtype)),
                      .dtype = dtype,
                      .parts = std::move(parts)},
                     partial_reduced_);
  writer_.join(partial_reduced_);
}

void DataParallel::reduce_tied_embedding() {
  if (step_.plan.pp == 1 || !step_.model.tied_embeddings || !buffers_.word_embedding()) return;
  writer_.set_origin(Phase::kGradientSync);
  const WeightBuffers& words = *buffers_.word_embedding();
  const Dtype dtype = step_.gradient_dtype();
  writer_.collective({.stream = Stream::kEmbedding,
                      .group = GroupRole::kEmbedding,
                      .kind = CollectiveKind::kAllReduce,
                      .size = Bytes(words.count() * size_of(dtype)),
                      .dtype = dtype,
                      .parts = {writer_.whole_part(words.gradients, words.gradients)}},
                     embedding_reduced_);
  writer_.join(embedding_reduced_);
}

/// The norm over all parameters; the host reads it and decides whether to clip. Under ZeRO-1 a rank
/// has the sums of its share only, so the replicas add theirs.
void DataParallel::clip() {
  if (!step_.traits.grad_norm_clip) return;
  writer_.set_origin(Phase::kOptimizer);
  if (buffers_.counts_gradients()) writer_.compute(norm_of_gradients());
  Stream last = Stream::kCompute;
  if (step_.plan.tp * step_.plan.pp > 1) reduce_norm(last = Stream::kTensor, GroupRole::kModel);
  if (step_.shards_optimizer()) reduce_norm(last = Stream::kData, GroupRole::kData);
  writer_.host_wait(last);
}

/// What several ranks hold alike counts once.
Compute DataParallel::norm_of_gradients() const {
  Compute norm{.kernel = {.kind = KernelKind::kGradNorm,
                          .dtype = step_.gradient_dtype(),
                          .dims = {step_.updated(buffers_.parameters())}}};
  norm.operands.push_back(
      {.view = {.buffer = buffers_.gradient_norm(), .layout = Layout::dense(1, 1)},
       .access = Access::kWrite});
  for (const auto& [group, run] : pieces_of(buffers_.weights())) {
    if (group->counted_elsewhere) continue;
    View view = owned(group->gradients_of(*run));
    if (run->whole) view.first_only = GroupRole::kTensor;
    norm.operands.push_back({.view = view, .access = Access::kRead});
  }
  return norm;
}

void DataParallel::reduce_norm(Stream stream, GroupRole group) {
  writer_.collective(
      {.stream = stream,
       .group = group,
       .kind = CollectiveKind::kAllReduce,
       .size = Bytes(size_of(Dtype::kFp32)),
       .dtype = Dtype::kFp32,
       .parts = {writer_.whole_part(buffers_.gradient_norm(), buffers_.gradient_norm())}},
      norm_reduced_);
  writer_.join(norm_reduced_);
}

void DataParallel::update() {
  writer_.set_origin(Phase::kOptimizer);
  if (step_.shards_by_tensor())
    writer_.host_work(HostTask::kShard,
                      static_cast<std::uint32_t>(buffers_.weight_tensors() * step_.plan.dp));
  const std::int64_t total = step_.updated(buffers_.parameters());
  Compute update{
      .kernel = {.kind = step_.optimizer.update, .dtype = step_.weight_dtype(), .dims = {total}}};
  const auto operand = [&](const View& view, Access access) {
    update.operands.push_back({.view = view, .access = access});
  };
  const OptimizerBuffers& state = buffers_.optimizer();
  operand(buffers_.gradient_norm() == kNone
              ? View{}
              : View{.buffer = buffers_.gradient_norm(), .layout = Layout::dense(1, 1)},
          Access::kRead);
  std::int64_t offset = 0;
  for (const auto& [group, run] : pieces_of(buffers_.weights())) {
    const std::int64_t count = step_.updated(run->count);
    const auto kept = [&](BufferId buffer, std::int64_t first) {
      if (buffer == kNone) return View{};
      return View{.buffer = buffer, .layout = Layout::dense(1, count, first)};
    };
    operand(owned(group->parameters_of(*run)), Access::kReadWrite);
    operand(owned(group->gradients_of(*run)), Access::kRead);
    for (std::int64_t moment = 0; moment < step_.optimizer.moments; ++moment)
      operand(kept(state.moments, moment * total + offset), Access::kReadWrite);
    operand(kept(state.master, offset), Access::kReadWrite);
    offset += count;
  }
  writer_.compute(std::move(update));
}

void DataParallel::gather_parameters() {
  if (!step_.shards_optimizer()) return;
  const Dtype dtype = step_.weight_dtype();
  std::vector<CollectivePart> parts;
  for (const auto& [group, run] : pieces_of(buffers_.weights())) {
    const View view = group->parameters_of(*run);
    parts.push_back({.from = owned(view), .to = view});
  }
  writer_.collective({.stream = Stream::kData,
                      .group = GroupRole::kData,
                      .kind = CollectiveKind::kAllGather,
                      .size = Bytes(buffers_.parameters() * size_of(dtype)),
                      .dtype = dtype,
                      .parts = std::move(parts)},
                     reduced_);
}

}  // namespace stepcast
