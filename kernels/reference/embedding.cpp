#include "kernels/reference/embedding.h"

namespace stepcast::reference {

template <typename T>
void embedding_forward(const EmbeddingShape& shape, const std::int32_t* ids, const T* table, T* y,
                       bool add) {
  for (std::int64_t t = 0; t < shape.tokens; ++t)
    for (std::int64_t c = 0; c < shape.width; ++c) {
      T& result = y[t * shape.width + c];
      const T before = add ? result : T{0};
      result =
          shape.holds(ids[t]) ? before + table[(ids[t] - shape.first) * shape.width + c] : before;
    }
}

template <typename T>
void embedding_backward(const EmbeddingShape& shape, const std::int32_t* ids, const T* dy,
                        T* dtable) {
  for (std::int64_t row = shape.first; row < shape.last; ++row)
    for (std::int64_t c = 0; c < shape.width; ++c) {
      T& result = dtable[(row - shape.first) * shape.width + c];
      double sum = result;
      for (std::int64_t t = 0; t < shape.tokens; ++t)
        if (ids[t] == row) sum += dy[t * shape.width + c];
      result = static_cast<T>(sum);
    }
}

#define STEPCAST_INSTANTIATE(T)                                                                    \
  template void embedding_forward(const EmbeddingShape&, const std::int32_t*, const T*, T*, bool); \
  template void embedding_backward(const EmbeddingShape&, const std::int32_t*, const T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
