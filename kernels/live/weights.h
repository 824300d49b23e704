// Weights of a rank as shards of the model's: initial values that are the same under every plan,
// and where each element of a shard lies in the whole tensor.
#pragma once

#include <cstdint>
#include <span>

#include "kernels/live/live_rank.h"
#include "sim/program/program.h"

namespace stepcast {

/// Elements of the whole tensor when `ranks` hold such shards.
std::int64_t global_elements(const WeightShape& shape, std::int64_t ranks);

/// Where element `local` of the shard of rank `index` lies in the whole tensor, row-major.
std::int64_t global_element(const WeightShape& shape, std::int64_t ranks, std::int64_t index,
                            std::int64_t local);

/// Initial value of an element of the tensor with that name.
float initial_value(const WeightTensor& weight, std::int64_t element, std::uint64_t seed);

/// Fills this rank's shard.
void initialise(const WeightTensor& weight, const LiveRank& rank, std::uint64_t seed,
                std::span<float> shard);

}  // namespace stepcast
