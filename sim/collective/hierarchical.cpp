// All-reduce in three stages: reduce-scatter inside every node, all-reduce of the shares between
// the ranks of one rail, all-gather inside every node; each of them a ring [Horovod's
// NCCLHierarchicalAllreduce; Cho et al., BlueConnect, MLSys 2019]. It moves no more bytes than one
// ring over all ranks, in fewer steps.
#include "sim/base/error.h"
#include "sim/collective/algorithms.h"

namespace stepcast {
namespace {

/// Ranks come node by node. Chunk p * nodes + q: part q of the share that local rank p reduces.
class Stages {
 public:
  Stages(std::uint32_t ranks, std::uint32_t per_node)
      : local_(per_node),
        nodes_(ranks / per_node),
        schedule_{
            .kind = CollectiveKind::kAllReduce, .ranks = ranks, .chunks = ranks, .transfers = {}} {}

  /// Rounds of rings through every node; the message is all parts of a share.
  void inside(bool reduce) {
    for (std::uint32_t step = 0; step + 1 < local_; ++step, ++step_)
      for (std::uint32_t node = 0; node < nodes_; ++node)
        for (std::uint32_t rank = 0; rank < local_; ++rank)
          for (std::uint32_t part = 0; part < nodes_; ++part)
            pass(node, rank, node, (rank + 1) % local_,
                 before(rank, step, reduce, local_) * nodes_ + part, reduce);
  }
  /// Rounds of rings along every rail.
  void between(bool reduce) {
    for (std::uint32_t step = 0; step + 1 < nodes_; ++step, ++step_)
      for (std::uint32_t node = 0; node < nodes_; ++node)
        for (std::uint32_t rank = 0; rank < local_; ++rank)
          pass(node, rank, (node + 1) % nodes_, rank,
               rank * nodes_ + before(node, step, reduce, nodes_), reduce);
  }
  CollectiveSchedule take() { return std::move(schedule_); }

 private:
  /// Which part member `me` of a ring of `count` passes on: see ring.cpp.
  static std::uint32_t before(std::uint32_t me, std::uint32_t step, bool reduce,
                              std::uint32_t count) {
    return (me + 2 * count - step - (reduce ? 1 : 0)) % count;
  }
  void pass(std::uint32_t node, std::uint32_t rank, std::uint32_t to_node, std::uint32_t to_rank,
            std::uint32_t chunk, bool reduce) {
    schedule_.transfers.push_back({.step = step_,
                                   .from = node * local_ + rank,
                                   .to = to_node * local_ + to_rank,
                                   .chunk = chunk,
                                   .reduce = reduce});
  }

  std::uint32_t local_, nodes_;
  CollectiveSchedule schedule_;
  std::uint32_t step_ = 0;
};

}  // namespace

/// 2 (g-1) + 2 (N-1) steps, 2 S (n-1)/n bytes of every rank, of which 2 S (N-1)/n leave the node.
CollectiveSchedule hierarchical_all_reduce(std::uint32_t ranks, std::uint32_t per_node) {
  STEPCAST_CHECK(per_node >= 1 && ranks % per_node == 0, "nodes must be full");
  Stages stages(ranks, per_node);
  stages.inside(true);
  stages.between(true);
  stages.between(false);
  stages.inside(false);
  return stages.take();
}

}  // namespace stepcast
