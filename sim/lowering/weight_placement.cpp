#include "sim/lowering/weight_placement.h"

namespace stepcast {
namespace {

enum class Treatment : std::uint8_t { kPartial, kWhole, kSplit };

/// Without tensor parallelism all are treated alike.
Treatment treatment_of(const Weight& weight, const Step& step) {
  if (step.plan.tp == 1 || weight.shape.split != SplitAxis::kWhole) return Treatment::kSplit;
  return weight.partial_gradient ? Treatment::kPartial : Treatment::kWhole;
}

}  // namespace

WeightPlacement place_weights(const OperatorGraph& graph, WeightHome home, const Step& step) {
  WeightPlacement placement;
  placement.offsets.assign(graph.weights.size(), 0);
  for (const Treatment treatment : {Treatment::kPartial, Treatment::kWhole, Treatment::kSplit}) {
    WeightRun run{.offset = placement.size,
                  .whole = treatment != Treatment::kSplit,
                  .partial = treatment == Treatment::kPartial};
    for (WeightId id = 0; id < graph.weights.size(); ++id) {
      const Weight& weight = graph.weights[id];
      if (weight.home != home || treatment_of(weight, step) != treatment) continue;
      placement.offsets[id] = run.offset + run.count;
      run.count += weight.shape.elements();
    }
    if (run.count == 0) continue;
    if (step.shards_optimizer()) run.count = step.updated(run.count) * step.plan.dp;
    placement.size += run.count;
    placement.runs.push_back(run);
  }
  return placement;
}

}  // namespace stepcast
