// The dimensions of a kernel by name, for kinds that have more than two. Only for kernels of that
// kind: nothing is checked.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/compute/kernels.h"

namespace stepcast {

struct ProductDims {
  std::int64_t m, n, k;
  std::int64_t batch;  ///< at least 1
};
inline ProductDims product_dims(const Kernel& kernel) {
  const auto& d = kernel.dims;
  return {.m = d[0], .n = d[1], .k = d[2], .batch = std::max<std::int64_t>(d[3], 1)};
}

struct AttentionDims {
  std::int64_t batch, heads, kv_heads, queries, keys, head_dim;
};
inline AttentionDims attention_dims(const Kernel& kernel) {
  const auto& d = kernel.dims;
  return {.batch = d[0],
          .heads = d[1],
          .kv_heads = d[2],
          .queries = d[3],
          .keys = d[4],
          .head_dim = d[5]};
}

}  // namespace stepcast
