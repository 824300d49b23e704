// What cuBLASLt is told about a product. It counts in columns: a row-major matrix is, to it, the
// transposed one. So c = op(a) op(b) becomes c' = op(b)' op(a)': "A" of cuBLASLt is our b, "B" our
// a, m and n change places. Pure functions, so that they can be tested where no GPU is.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <vector>

#include "kernels/ops/gemm.h"

namespace stepcast::cuda {

/// Element types of matrices, as cudaDataType tells them apart.
enum class LtType : std::uint8_t { kFp32, kFp16, kBf16, kE4m3, kE5m2 };
std::int64_t size_of(LtType type);

/// Column-major: element (r, c) at r + c * leading.
struct LtMatrix {
  LtType type{};
  bool transpose = false;  ///< the operation on it (CUBLASLT_MATMUL_DESC_TRANSA, TRANSB)
  std::int64_t rows = 0, columns = 0, leading = 0;  ///< as it lies
  std::int64_t stride = 0;                          ///< from matrix to matrix of the batch
  auto operator<=>(const LtMatrix&) const = default;
};

/// All that selects a kernel of cuBLASLt, and so the key under which the choice is kept.
struct LtArguments {
  LtMatrix a, b, c;
  std::int64_t count = 1;  ///< matrices of the batch
  bool tf32 = false;
  bool adds = false;  ///< beta is not 0
  Epilogue epilogue = Epilogue::kNone;
  bool keeps_before_gelu = false;
  bool scaled = false;                       ///< fp8, with pointers to scales
  std::array<std::uint32_t, 3> alignment{};  ///< of a, b and c, in bytes, at most 256
  auto operator<=>(const LtArguments&) const = default;
};

/// One call: some matrices of the batch, by their first elements relative to those of our a, b, c.
struct LtCall {
  LtArguments arguments = {};
  std::int64_t a_offset = 0, b_offset = 0, c_offset = 0;
};

/// The calls that compute the product, in order; offsets and alignment are for our a, b and c at
/// these addresses. cuBLASLt knows one stride per batch, so sequences, and heads that share a
/// matrix, may take a call each. Throws as gemm().
std::vector<LtCall> lt_calls(const Product& product, const void* a, const void* b, const void* c);

}  // namespace stepcast::cuda
