// Operators whose weights are split over the tensor-parallel ranks, with their collectives.
//
// Whole sequences (Shoeybi et al. 2019, section 3): a row-parallel layer all-reduces its output in
// the forward pass, a column-parallel one the gradient of its input in the backward pass. Split
// sequences (Korthikanti et al. 2022, section 4.2.2): the column-parallel layer gathers its input,
// and scatters the sum of its gradient; the row-parallel one scatters the sum of its output, and
// gathers its gradient. The weight gradient needs the gathered input once more, gathered again
// unless it was kept.
#include "sim/lowering/graph_pass.h"

namespace stepcast {

void GraphPass::tensor_collective(CollectiveKind kind, const Tensor& whole, BufferId from,
                                  BufferId to, EventId done, ReduceOp reduce) {
  writer_.collective({.stream = Stream::kTensor,
                      .group = GroupRole::kTensor,
                      .kind = kind,
                      .size = whole.size(),
                      .dtype = whole.dtype,
                      .parts = {writer_.whole_part(from, to)},
                      .reduce = reduce},
                     done);
}

void GraphPass::region_forward(const Operator& op, std::uint32_t index) {
  for (const TensorId t : op.outputs)
    if (op.region != Region::kRow) make(t);
  switch (op.region) {
    case Region::kLocal:
      return launch(op, index, op.forward);
    case Region::kColumn:
      return column_forward(op, index);
    case Region::kRow:
      return row_forward(op, index);
    case Region::kVocabularyLoss:
      return loss_forward(op, index);
  }
}

void GraphPass::column_forward(const Operator& op, std::uint32_t index) {
  if (op.full != kNoTensor) {
    make(op.full);
    tensor_collective(CollectiveKind::kAllGather, tensor(op.full), buffer(op.inputs.front()),
                      buffer(op.full), events_.gathered);
    writer_.join(events_.gathered);
  }
  launch(op, index, op.forward);
}

void GraphPass::row_forward(const Operator& op, std::uint32_t index) {
  const TensorId output = op.outputs.front();
  const bool split = op.full != kNoTensor;
  const TensorId partial = split ? op.full : output;
  make(partial);
  launch(op, index, op.forward);
  make(output);
  tensor_collective(split ? CollectiveKind::kReduceScatter : CollectiveKind::kAllReduce,
                    tensor(partial), buffer(partial), buffer(output), events_.reduced);
  writer_.join(events_.reduced);
}

/// Three all-reduces of one fp32 value per token: the largest logit, the target's logit, and the
/// sum of exponentials (Megatron-LM's vocabulary-parallel cross entropy).
void GraphPass::loss_forward(const Operator& op, std::uint32_t index) {
  const auto reduce = [&](TensorId t, ReduceOp how) {
    tensor_collective(CollectiveKind::kAllReduce, tensor(t), buffer(t), buffer(t), events_.reduced,
                      how);
    writer_.join(events_.reduced);
  };
  const TensorId row_maximum = op.constants.front(), sums = op.outputs[1], targets = op.outputs[2];
  reduce(row_maximum, ReduceOp::kMax);
  launch(op, index, op.forward);
  reduce(targets, ReduceOp::kSum);
  reduce(sums, ReduceOp::kSum);
}

void GraphPass::region_backward(const Operator& op, std::uint32_t index) {
  make_gradients(op);
  if (op.region == Region::kColumn) return column_backward(op, index);
  if (op.region == Region::kRow) return row_backward(op, index);
  launch(op, index, op.backward);
  launch(op, index, op.wgrad);
}

/// The collectives run beside the products where `tensor_overlap` says so: the gather beside the
/// input gradient, the reduction of the input gradient beside the weight gradient.
void GraphPass::column_backward(const Operator& op, std::uint32_t index) {
  const bool overlap = step_.traits.tensor_overlap, split = op.full != kNoTensor;
  const TensorId input = op.inputs.front();
  const TensorId whole = split ? op.full : input;
  const bool gathers = split && !alive_[op.full];
  if (gathers) {
    make(op.full);
    tensor_collective(CollectiveKind::kAllGather, tensor(op.full), buffer(input), buffer(op.full),
                      events_.gathered);
    if (!overlap) writer_.join(events_.gathered);
  }
  const auto reduce = [&] {
    tensor_collective(split ? CollectiveKind::kReduceScatter : CollectiveKind::kAllReduce,
                      tensor(whole), gradient(whole), gradient(input), events_.reduced);
  };
  if (split) writer_.alloc(gradient(whole));
  launch(op, index, op.backward);
  if (overlap) reduce();
  if (gathers && overlap) writer_.join(events_.gathered);
  launch(op, index, op.wgrad);
  if (gathers) drop(op.full);
  if (!overlap) reduce();
  writer_.join(events_.reduced);
  if (split) writer_.free(gradient(whole));
}

void GraphPass::row_backward(const Operator& op, std::uint32_t index) {
  const bool split = op.full != kNoTensor;
  if (split) {
    writer_.alloc(gradient(op.full));
    tensor_collective(CollectiveKind::kAllGather, tensor(op.full), gradient(op.outputs.front()),
                      gradient(op.full), events_.gathered);
    writer_.join(events_.gathered);
  }
  launch(op, index, op.backward);
  launch(op, index, op.wgrad);
  if (split) writer_.free(gradient(op.full));
}

}  // namespace stepcast
