// What replicas do together: gradients are summed, in buckets beside the last backward passes or in
// one piece after them; then norm, clipping and the Adam step, on all parameters or on this rank's
// share.
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

  /// The block after the last backward pass: reduction, tied embedding, norm, Adam, gather.
  BlockId write_update_block();

 private:
  /// A bucket under way whose wire copy must be cast back.
  struct Cast {
    BufferId wire = kNone;
    std::vector<BufferId> gradients;
    std::int64_t elements = 0;
  };

  void reduce(const std::vector<WeightBuffers>& weights);
  BufferId cast_to_wire(const std::vector<BufferId>& gradients, std::int64_t elements);
  void finish_reduction();
  void reduce_tied_embedding();
  void clip();
  void update();
  void gather_parameters();

  StageWriter& writer_;
  const Step& step_;
  const StageBuffers& buffers_;
  EventId reduced_, embedding_reduced_, norm_reduced_;
  bool reduces_ = false;  ///< a reduction was started
  std::vector<WeightBuffers> bucket_;
  std::vector<Cast> casts_;
};

}  // namespace stepcast
