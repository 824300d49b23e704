// Table lookup and its gradient, for word, position and segment embeddings, whole or split over
// ranks by rows.
#pragma once

#include <cstdint>

namespace stepcast {

/// This rank holds rows first .. last - 1 of the table. ids (tokens); y and dy (tokens, width);
/// table and dtable (last - first, width); all dense.
struct EmbeddingShape {
  std::int64_t tokens = 0;
  std::int64_t width = 0;
  std::int32_t first = 0;
  std::int32_t last = 0;

  bool holds(std::int32_t id) const { return id >= first && id < last; }
};

namespace cpu {

/// Row t of y is row ids[t] of the table, or zeros when another rank holds it, so that the sum over
/// ranks is the embedding [Shoeybi et al. 2019, section 3]. With `add`, adds to y instead of
/// overwriting it (the position's row on the word's).
template <typename T>
void embedding_forward(const EmbeddingShape& shape, const std::int32_t* ids, const T* table, T* y,
                       bool add);

/// Adds row t of dy to row ids[t] of dtable, in the order of tokens; rows that other ranks hold are
/// passed over.
template <typename T>
void embedding_backward(const EmbeddingShape& shape, const std::int32_t* ids, const T* dy,
                        float* dtable);

}  // namespace cpu
}  // namespace stepcast
