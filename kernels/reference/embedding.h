// kernels/cpu/embedding.h as plain loops; T is float or double.
#pragma once

#include "kernels/cpu/embedding.h"

namespace stepcast::reference {

template <typename T>
void embedding_forward(const EmbeddingShape& shape, const std::int32_t* ids, const T* table, T* y,
                       bool add);
template <typename T>
void embedding_backward(const EmbeddingShape& shape, const std::int32_t* ids, const T* dy,
                        T* dtable);

}  // namespace stepcast::reference
