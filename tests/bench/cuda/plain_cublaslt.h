// A product by a bare cublasLtMatmul, to hold ours against: descriptors made once, a workspace, and
// the first kernel that its heuristics name.
#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <memory>

#include "kernels/ops/device_context.h"

namespace stepcast::bench {

/// c (m, n) = op(a) op(b) + beta * c, row-major and dense; op(a) is (m, k), a lies as (k, m) when
/// it is transposed, and so on. `count` products lie one after the other.
struct PlainProduct {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  cudaDataType_t type = CUDA_R_16BF;    ///< of a and b
  cudaDataType_t result = CUDA_R_16BF;  ///< of c
  cublasComputeType_t arithmetic = CUBLAS_COMPUTE_32F;
  float beta = 0;
  std::int32_t count = 1;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;  ///< (n), in the type of c
};

class PlainCublasLt {
 public:
  /// Throws Error(kUnsupported) with cuBLASLt's words where it has no kernel.
  PlainCublasLt(const PlainProduct& product, StreamHandle stream);
  ~PlainCublasLt();
  PlainCublasLt(const PlainCublasLt&) = delete;
  PlainCublasLt& operator=(const PlainCublasLt&) = delete;

  void run(const void* a, const void* b, void* c) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace stepcast::bench
