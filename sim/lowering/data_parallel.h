// What replicas do together: gradients are summed, in buckets beside the last backward passes or in
// one piece after them; then norm, clipping and the optimizer's step, on all parameters or on this
// rank's share.
#pragma once

#include <vector>

#include "sim/lowering/stage_buffers.h"
#include "sim/lowering/stage_writer.h"
#include "sim/lowering/step.h"

namespace stepcast {

class DataParallel {
 public:
  /// Keeps the references.
  DataParallel(StageWriter& writer, const Step& step, const StageBuffers& buffers);

  /// Inside a backward block of the last microbatch: the gradients of `instance` are complete.
  /// Starts a bucket when enough have gathered.
  void gradients_ready(const GraphInstance& instance);
  /// Starts what is left of the chunk.
  void end_of_chunk();

  /// The block after the last backward pass: reduction, tied embedding, norm, update, gather.
  BlockId write_update_block();

 private:
  /// A bucket under way whose wire copy must be cast back.
  struct Cast {
    BufferId wire = kNone;
    std::vector<WeightBuffers> gradients;
    std::int64_t elements = 0;
  };
  /// A run of some weights.
  struct Piece {
    const WeightBuffers* weights;
    const WeightRun* run;
  };

  static std::vector<Piece> pieces_of(const std::vector<WeightBuffers>& weights);
  /// Under ZeRO-1, this rank's share.
  View owned(View view) const;
  std::vector<CollectivePart> gradient_parts(const std::vector<WeightBuffers>& weights) const;
  std::vector<CollectivePart> wire_parts(BufferId wire,
                                         const std::vector<WeightBuffers>& weights) const;
  void reduce(const std::vector<WeightBuffers>& weights);
  BufferId cast_to_wire(const std::vector<WeightBuffers>& weights, std::int64_t elements);
  void cast_back(const Cast& cast);
  void finish_reduction();
  void reduce_partial_gradients();
  void reduce_tied_embedding();
  void clip();
  Compute norm_of_gradients() const;
  void reduce_norm(Stream stream, GroupRole group);
  void update();
  void gather_parameters();

  StageWriter& writer_;
  const Step& step_;
  const StageBuffers& buffers_;
  EventId reduced_, embedding_reduced_, norm_reduced_, partial_reduced_;
  bool reduces_ = false;  ///< a reduction was started
  std::vector<WeightBuffers> bucket_;
  std::vector<Cast> casts_;
};

}  // namespace stepcast
