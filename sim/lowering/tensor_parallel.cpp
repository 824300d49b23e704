// Operators whose weights are split over the tensor-parallel ranks, with their collectives.
//
// Whole sequences (Shoeybi et al. 2019, section 3): a row-parallel layer all-reduces its output in
// the forward pass, a column-parallel one the gradient of its input in the backward pass. Split
// sequences (Korthikanti et al. 2022, section 4.2.2): the column-parallel layer gathers its input,
// and scatters the sum of its gradient; the row-parallel one scatters the sum of its output, and
// gathers its gradient. The weight gradient needs the gathered input once more, gathered again
// unless it was kept.
#include <utility>

#include "sim/lowering/graph_pass.h"

namespace stepcast {

void GraphPass::tensor_collective(CollectiveKind kind, const Tensor& whole, BufferId from,
                                  BufferId to, EventId done) {
  writer_.collective({.stream = Stream::kTensor,
                      .group = GroupRole::kTensor,
                      .kind = kind,
                      .size = whole.size(),
                      .dtype = whole.dtype,
                      .reads = {from},
                      .writes = {to}},
                     done);
}

void GraphPass::region_forward(const Operator& op) {
  for (const TensorId t : op.outputs)
    if (op.region != Region::kRow) make(t);
  switch (op.region) {
    case Region::kLocal:
      return forward_kernels(op, buffers(op.inputs), buffers(op.outputs));
    case Region::kColumn:
      return column_forward(op);
    case Region::kRow:
      return row_forward(op);
    case Region::kVocabularyLoss:
      return loss_forward(op);
  }
}

void GraphPass::column_forward(const Operator& op) {
  if (op.full == kNoTensor) return forward_kernels(op, buffers(op.inputs), buffers(op.outputs));
  make(op.full);
  tensor_collective(CollectiveKind::kAllGather, tensor(op.full), buffer(op.inputs.front()),
                    buffer(op.full), events_.gathered);
  writer_.join(events_.gathered);
  forward_kernels(op, {buffer(op.full)}, buffers(op.outputs));
}

void GraphPass::row_forward(const Operator& op) {
  const TensorId output = op.outputs.front();
  const bool split = op.full != kNoTensor;
  const TensorId partial = split ? op.full : output;
  make(partial);
  forward_kernels(op, buffers(op.inputs), {buffer(partial)});
  make(output);
  tensor_collective(split ? CollectiveKind::kReduceScatter : CollectiveKind::kAllReduce,
                    tensor(partial), buffer(partial), buffer(output), events_.reduced);
  writer_.join(events_.reduced);
}

/// Three all-reduces of one fp32 value per token: the largest logit, the target's logit, and the
/// sum of exponentials (Megatron-LM's vocabulary-parallel cross entropy).
void GraphPass::loss_forward(const Operator& op) {
  const Tensor values{.name = "", .elements = step_.shape.tokens(), .dtype = Dtype::kFp32};
  const BufferId logits = buffer(op.inputs.front()), probabilities = buffer(op.outputs.front());
  const auto reduce = [&](BufferId from) {
    writer_.collective({.stream = Stream::kTensor,
                        .group = GroupRole::kTensor,
                        .kind = CollectiveKind::kAllReduce,
                        .size = values.size(),
                        .dtype = values.dtype,
                        .reads = {from},
                        .writes = {}},
                       events_.reduced);
    writer_.join(events_.reduced);
  };
  reduce(logits);
  forward_kernels(op, {logits}, {probabilities});
  reduce(probabilities);
  reduce(probabilities);
}

void GraphPass::region_backward(const Operator& op, std::uint32_t index) {
  make_gradients(op);
  if (op.region == Region::kColumn) return column_backward(op, index);
  if (op.region == Region::kRow) return row_backward(op, index);
  const TensorId result = op.outputs.front();
  const BufferId from = gradient_alive_[result] ? gradient(result) : kNone;
  std::vector<BufferId> to;
  for (const TensorId t : op.inputs) to.push_back(gradient(t));
  backward_kernels(op, index, from, to);
  weight_kernels(op, index, from, buffers(op.saved));
}

/// The collectives run beside the products where `tensor_overlap` says so: the gather beside the
/// input gradient, the reduction of the input gradient beside the weight gradient.
void GraphPass::column_backward(const Operator& op, std::uint32_t index) {
  const bool overlap = step_.traits.tensor_overlap, split = op.full != kNoTensor;
  const TensorId input = op.inputs.front();
  const BufferId from = gradient(op.outputs.front());
  const BufferId sum = gradient(input);
  const BufferId partial = split ? instance_.shared->full_gradients[index] : sum;
  const bool gathers = split && !alive_[op.full];
  if (gathers) {
    make(op.full);
    tensor_collective(CollectiveKind::kAllGather, tensor(op.full), buffer(input), buffer(op.full),
                      events_.gathered);
    if (!overlap) writer_.join(events_.gathered);
  }
  const auto reduce = [&] {
    const Tensor& whole = tensor(split ? op.full : input);
    tensor_collective(split ? CollectiveKind::kReduceScatter : CollectiveKind::kAllReduce, whole,
                      partial, sum, events_.reduced);
  };
  if (split) writer_.alloc(partial);
  backward_kernels(op, index, from, {partial});
  if (overlap) reduce();
  if (gathers && overlap) writer_.join(events_.gathered);
  weight_kernels(op, index, from, {buffer(split ? op.full : input)});
  if (gathers) drop(op.full);
  if (!overlap) reduce();
  writer_.join(events_.reduced);
  if (split) writer_.free(partial);
}

void GraphPass::row_backward(const Operator& op, std::uint32_t index) {
  BufferId from = gradient(op.outputs.front());
  const bool split = op.full != kNoTensor;
  if (split) {
    const BufferId gathered = instance_.shared->full_gradients[index];
    writer_.alloc(gathered);
    tensor_collective(CollectiveKind::kAllGather, tensor(op.full), from, gathered,
                      events_.gathered);
    writer_.join(events_.gathered);
    from = gathered;
  }
  std::vector<BufferId> to;
  for (const TensorId t : op.inputs) to.push_back(gradient(t));
  backward_kernels(op, index, from, to);
  weight_kernels(op, index, from, buffers(op.saved));
  if (split) writer_.free(from);
}

}  // namespace stepcast
