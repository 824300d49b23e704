// Writes the forward and the backward pass of one graph instance: allocates what is made, runs the
// kernels, frees what nobody reads any more. Tensor-parallel collectives stand where the regions of
// the operators want them (tensor_parallel.cpp); what is computed again follows from the tensors'
// lives.
#pragma once

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
  std::vector<BufferId> buffers(const std::vector<TensorId>& ids) const;
  const WeightBuffers& weights(const Operator& op) const {
    return op.home == WeightHome::kGraph ? instance_.own : instance_.words;
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
  void region_forward(const Operator& op);
  void region_backward(const Operator& op, std::uint32_t index);
  void column_forward(const Operator& op);
  void row_forward(const Operator& op);
  void loss_forward(const Operator& op);
  void column_backward(const Operator& op, std::uint32_t index);
  void row_backward(const Operator& op, std::uint32_t index);
  void tensor_collective(CollectiveKind kind, const Tensor& whole, BufferId from, BufferId to,
                         EventId done);

  /// Forward kernels reading `inputs` and writing `outputs`.
  void forward_kernels(const Operator& op, std::vector<BufferId> inputs,
                       const std::vector<BufferId>& outputs);
  /// Kernels of the inputs' gradients, from the gradient `from` to the buffers `to`.
  void backward_kernels(const Operator& op, std::uint32_t index, BufferId from,
                        const std::vector<BufferId>& to);
  /// Kernels of the weight's gradient; `saved` is what the product reads beside the gradient.
  void weight_kernels(const Operator& op, std::uint32_t index, BufferId from,
                      std::vector<BufferId> saved);
  /// The buffer that gradient kernels write, and what follows them: the addition to the fp32 sum.
  BufferId begin_weight_gradient(const Operator& op, std::uint32_t index);
  void end_weight_gradient(const Operator& op, std::uint32_t index, BufferId written);

  StageWriter& writer_;
  const Step& step_;
  const TensorEvents& events_;
  const GraphInstance& instance_;
  const Lifetimes& lives_;
  std::vector<bool> alive_;           ///< by TensorId
  std::vector<bool> gradient_alive_;  ///< by TensorId
};

}  // namespace stepcast
