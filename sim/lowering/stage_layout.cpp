#include "sim/lowering/stage_layout.h"

#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

using LayerCounts = std::vector<std::int64_t>;

/// `spared` layers fewer on the first and on the last part than on the others.
LayerCounts even_counts(std::int64_t layers, std::int64_t parts, std::int64_t spared) {
  const std::int64_t slots = layers + 2 * spared;
  if (slots % parts != 0 || slots / parts < spared)
    throw Error(ErrorKind::kUnsupported,
                "num_layers = " + std::to_string(layers) + " cannot be cut into " +
                    std::to_string(parts) + " parts (pp * virtual_stages)" +
                    (spared > 0 ? ", the first and last one layer shorter" : " of equal length") +
                    "; change plan.pp or plan.virtual_stages");
  LayerCounts counts(static_cast<std::size_t>(parts), slots / parts);
  counts.front() -= spared;
  counts.back() -= spared;
  return counts;
}

/// Lengths that differ by one at most, the longer parts first.
LayerCounts balanced_counts(std::int64_t layers, std::int64_t parts) {
  if (layers < parts)
    throw Error(ErrorKind::kUnsupported, std::to_string(layers) + " layers cannot be cut into " +
                                             std::to_string(parts) + " stages; lower plan.pp");
  LayerCounts counts(static_cast<std::size_t>(parts), layers / parts);
  for (std::int64_t part = 0; part < layers % parts; ++part)
    ++counts[static_cast<std::size_t>(part)];
  return counts;
}

/// nanotron: blocks (embedding, layers, head) in order; a part takes blocks until the running cost
/// reaches its share of the total, the reaching block included. The embedding costs nothing, a
/// layer 4 h^2 + 3 h f, the head V h. Every part gets at least one block, so the head is always on
/// the last.
LayerCounts counts_by_cost(const Model& model, std::int64_t parts) {
  const std::int64_t hidden = model.hidden_size, layers = model.num_layers;
  const std::int64_t layer_cost = 4 * hidden * hidden + 3 * hidden * model.ffn_hidden_size;
  const std::int64_t total = layers * layer_cost + model.vocab_size * hidden;
  if (parts > layers + 1)
    throw Error(ErrorKind::kUnsupported, "a model of " + std::to_string(layers) +
                                             " layers and a head cannot be cut into " +
                                             std::to_string(parts) + " stages; lower plan.pp");
  LayerCounts counts(static_cast<std::size_t>(parts), 0);
  std::int64_t part = 0, cost = 0;
  for (std::int64_t layer = 0; layer < layers; ++layer) {
    ++counts[static_cast<std::size_t>(part)];
    cost += layer_cost;
    const std::int64_t blocks_left = layers - layer;  // layers after this one, and the head
    const std::int64_t parts_left = parts - part - 1;
    const bool reached = cost * parts >= (part + 1) * total;
    if (parts_left > 0 && (reached || blocks_left <= parts_left)) ++part;
  }
  return counts;
}

LayerCounts layer_counts(const Model& model, std::int64_t parts, StageBalance balance) {
  switch (balance) {
    case StageBalance::kUniform:
      return even_counts(model.num_layers, parts, 0);
    case StageBalance::kEndsMinusOne:
      return even_counts(model.num_layers, parts, parts > 1 ? 1 : 0);
    case StageBalance::kBalanced:
      return balanced_counts(model.num_layers, parts);
    case StageBalance::kByComputeCost:
      return counts_by_cost(model, parts);
  }
  STEPCAST_CHECK(false, "stage balance out of range");
}

}  // namespace

std::vector<Chunk> cut_model(const Model& model, const Plan& plan, StageBalance balance) {
  std::vector<Chunk> chunks;
  std::int64_t first = 0;
  for (const std::int64_t count : layer_counts(model, plan.pp * plan.virtual_stages, balance)) {
    chunks.push_back({.first_layer = first, .num_layers = count});
    first += count;
  }
  chunks.front().embedding = true;
  chunks.back().head = true;
  return chunks;
}

}  // namespace stepcast
