#include "kernels/cpu/embedding.h"

#include <algorithm>

#include "kernels/cpu/element.h"
#include "kernels/cpu/elementwise.h"

namespace stepcast::cpu {

template <typename T>
void embedding_forward(const EmbeddingShape& shape, const std::int32_t* ids, const T* table, T* y,
                       bool add_to_y) {
  for (std::int64_t t = 0; t < shape.tokens; ++t, y += shape.width) {
    const T* row = table + (ids[t] - shape.first) * shape.width;
    if (!shape.holds(ids[t])) {
      if (!add_to_y) std::fill_n(y, shape.width, T{});
    } else if (add_to_y) {
      add(shape.width, y, row, y);
    } else {
      std::copy_n(row, shape.width, y);
    }
  }
}

template <typename T>
void embedding_backward(const EmbeddingShape& shape, const std::int32_t* ids, const T* dy,
                        float* dtable) {
  for (std::int64_t t = 0; t < shape.tokens; ++t)
    if (shape.holds(ids[t]))
      accumulate(shape.width, dy + t * shape.width, dtable + (ids[t] - shape.first) * shape.width);
}

#define STEPCAST_INSTANTIATE(T)                                                                    \
  template void embedding_forward(const EmbeddingShape&, const std::int32_t*, const T*, T*, bool); \
  template void embedding_backward(const EmbeddingShape&, const std::int32_t*, const T*, float*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(Bf16)
STEPCAST_INSTANTIATE(Fp16)

}  // namespace stepcast::cpu
