// Writes the forward and the backward pass of one graph instance: allocates what is made, runs the
// kernels, frees what nobody reads any more. Tensor-parallel collectives stand where the regions of
// the operators want them (tensor_parallel.cpp); what is computed again follows from the tensors'
// lives.
#pragma once

#include <utility>
#include <vector>

#include "sim/lowering/stage_buffers.h"
#include "sim/lowering/stage_writer.h"
#include "sim/lowering/step.h"

namespace stepcast {

/// The events by which compute waits for tensor-parallel collectives; one set per stage.
struct TensorEvents {
  explicit TensorEvents(ProgramBuilder& program)
      : gathered(program.event("tensor.gathered", Scope::kStep)),
        reduced(program.event("tensor.reduced", Scope::kStep)) {}
  EventId gathered, reduced;
};

class GraphPass {
 public:
  /// Keeps the references.
  GraphPass(StageWriter& writer, const Step& step, const TensorEvents& events,
            const GraphInstance& instance);

  /// Leaves the output and what the backward pass needs allocated.
  void forward();
  /// Takes the output's gradient (freed) and leaves the input's allocated. Frees all that forward
  /// kept, the input too.
  void backward();

 private:
  const Tensor& tensor(TensorId id) const { return instance_.graph().tensors[id]; }
  BufferId buffer(TensorId id) const { return instance_.tensors[id]; }
  BufferId gradient(TensorId id) const;
  const Weight& weight(WeightId id) const { return instance_.graph().weights[id]; }
  bool has_temporary(std::uint32_t index) const {
    return instance_.shared->weight_gradients[index] != kNone;
  }

  void make(TensorId id);
  void drop(TensorId id);
  void make_gradients(const Operator& op);
  void drop_gradient(const Operator& op);

  // One operator. `keep`: by TensorId, what stays after its last reader.
  void run_forward(std::uint32_t index, const std::vector<bool>& keep);
  void run_backward(std::uint32_t index);
  void run_core_again();
  void run_graph_again();

  // tensor_parallel.cpp: an operator with the collectives of its region.
  void region_forward(const Operator& op, std::uint32_t index);
  void region_backward(const Operator& op, std::uint32_t index);
  void column_forward(const Operator& op, std::uint32_t index);
  void row_forward(const Operator& op, std::uint32_t index);
  void loss_forward(const Operator& op, std::uint32_t index);
  void column_backward(const Operator& op, std::uint32_t index);
  void row_backward(const Operator& op, std::uint32_t index);
  void tensor_collective(CollectiveKind kind, const Tensor& whole, BufferId from, BufferId to,
                         EventId done, ReduceOp reduce = ReduceOp::kSum);

  void launch(const Operator& op, std::uint32_t index, const std::vector<KernelCall>& calls);
  /// What follows kernels that wrote weight gradients apart: the addition to the sums.
  void add_weight_gradients(const Operator& op, std::uint32_t index);

  // operands.cpp: what the operands of a kernel are in this instance.
  Operand operand(const Operator& op, std::uint32_t index, const OperandRef& ref,
                  const OperandSlot& slot);
  Operand gradient_operand(const OperandRef& ref, Access access);
  Operand weight_gradient_operand(const Operator& op, std::uint32_t index, const OperandRef& ref);
  /// The sum, or the tensor that a kernel adds to it.
  View weight_gradient(const Operator& op, std::uint32_t index, WeightId id) const;
  View weight_sum(WeightId id) const;
  View at_home(WeightId id, BufferId WeightBuffers::*buffer) const;

  StageWriter& writer_;
  const Step& step_;
  const TensorEvents& events_;
  const GraphInstance& instance_;
  const Lifetimes& lives_;
  std::vector<bool> alive_;           ///< by TensorId
  std::vector<bool> gradient_alive_;  ///< by TensorId
  /// What has been written of the gradients so far: a second contribution is added.
  std::vector<std::pair<TensorId, Layout::Columns>> gradients_written_;
};

}  // namespace stepcast
