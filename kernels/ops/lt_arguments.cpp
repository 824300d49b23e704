#include "kernels/ops/lt_arguments.h"

#include <algorithm>
#include <string>

#include "sim/base/error.h"

namespace stepcast::cuda {
namespace {

LtType type_of(Dtype dtype, Fp8 fp8) {
  switch (dtype) {
    case Dtype::kFp32:
    case Dtype::kTf32:
      return LtType::kFp32;
    case Dtype::kFp16:
      return LtType::kFp16;
    case Dtype::kBf16:
      return LtType::kBf16;
    case Dtype::kFp8:
      break;
  }
  return fp8 == Fp8::kE4m3 ? LtType::kE4m3 : LtType::kE5m2;
}

std::uint32_t alignment_of(const void* pointer, std::int64_t offset, LtType type) {
  const auto address = reinterpret_cast<std::uintptr_t>(pointer) +
                       static_cast<std::uintptr_t>(offset * size_of(type));
  const std::uintptr_t lowest = address & (~address + 1);
  return static_cast<std::uint32_t>(lowest == 0 ? 256 : std::min<std::uintptr_t>(lowest, 256));
}

[[noreturn]] void unsupported(const std::string& why) {
  throw Error(ErrorKind::kUnsupported, "a matrix product on the GPU: " + why);
}

void check_types(const Product& p) {
  const bool narrow = p.dtype == Dtype::kFp16 || p.dtype == Dtype::kBf16;
  const bool fits = p.result == Dtype::kFp32 || (narrow && p.result == p.dtype) ||
                    (p.dtype == Dtype::kFp8 && p.result != Dtype::kFp8);
  if (!fits)
    unsupported("of " + std::string(name_of(p.dtype)) + " into " + std::string(name_of(p.result)) +
                "; the result is fp32 or of the operands' type");
}

void check_epilogue(const Product& p) {
  if (p.epilogue == Epilogue::kNone) return;
  if (p.shape.outer * p.shape.inner != 1 || p.shape.beta != 0 || p.shape.alpha != 1)
    unsupported("a bias or GELU of a batch, or of a product that is added or scaled");
}

/// What cuBLASLt asks of 8-bit operands [cuBLAS documentation, cublasLtMatmul(), FP8 kernels].
void check_fp8(const Product& p, const LtArguments& arguments) {
  if (p.dtype != Dtype::kFp8) return;
  if (p.shape.transpose_a || !p.shape.transpose_b)
    unsupported("fp8 operands lie as (m, k) and (n, k) only");
  if (p.fp8_a == Fp8::kE5m2 && p.fp8_b == Fp8::kE5m2)
    unsupported("one of two fp8 operands is e4m3");
  if (p.shape.m % 16 != 0 || p.shape.n % 16 != 0 || p.shape.k % 16 != 0)
    unsupported("m = " + std::to_string(p.shape.m) + ", n = " + std::to_string(p.shape.n) +
                ", k = " + std::to_string(p.shape.k) + " of fp8 must be multiples of 16");
  for (const std::uint32_t alignment : arguments.alignment)
    if (alignment < 16) unsupported("fp8 operands begin at multiples of 16 bytes");
}

/// Matrices (o, i) of the batch that one call can reach: `count` of them, `step` inner ones apart.
struct Run {
  std::int64_t outer = 0, inner = 0, count = 1, step = 1;
};

std::int64_t offset_of(const BatchStride& stride, const Run& run) {
  return run.outer * stride.outer + run.inner / stride.share * stride.inner;
}

/// From one matrix of the run to the next.
std::int64_t stride_of(const BatchStride& stride, const Run& run) {
  return run.step / stride.share * stride.inner;
}

/// All outer ones follow each other as inner ones do, for every operand.
bool one_run(const Gemm& g) {
  const auto even = [&](const BatchStride& s) {
    return s.share == 1 && s.outer == g.inner * s.inner;
  };
  return g.outer == 1 || (even(g.a) && even(g.b) && even(g.c));
}

std::vector<Run> runs_of(const Gemm& g) {
  const std::int64_t share = std::max({g.a.share, g.b.share, g.c.share});
  for (const BatchStride* s : {&g.a, &g.b, &g.c})
    STEPCAST_CHECK(s->share == 1 || s->share == share, "matrices are shared by different numbers");
  if (share == 1 && one_run(g)) return {{.count = g.outer * g.inner}};
  std::vector<Run> runs;
  for (std::int64_t outer = 0; outer < g.outer; ++outer)
    // Matrix j * share + i for all j: an operand that is shared is at j, whatever i is.
    for (std::int64_t i = 0; i < share; ++i)
      runs.push_back({.outer = outer, .inner = i, .count = g.inner / share, .step = share});
  return runs;
}

LtCall call_of(const Product& p, const Run& run, const void* a, const void* b, const void* c) {
  const Gemm& g = p.shape;
  const LtType type_a = type_of(p.dtype, p.fp8_a), type_b = type_of(p.dtype, p.fp8_b),
               type_c = type_of(p.result, Fp8::kE4m3);
  LtCall call{.a_offset = offset_of(g.a, run),
              .b_offset = offset_of(g.b, run),
              .c_offset = offset_of(g.c, run)};
  call.arguments = {
      .a = {.type = type_b,
            .transpose = g.transpose_b,
            .rows = g.transpose_b ? g.k : g.n,
            .columns = g.transpose_b ? g.n : g.k,
            .leading = g.row_b(),
            .stride = stride_of(g.b, run)},
      .b = {.type = type_a,
            .transpose = g.transpose_a,
            .rows = g.transpose_a ? g.m : g.k,
            .columns = g.transpose_a ? g.k : g.m,
            .leading = g.row_a(),
            .stride = stride_of(g.a, run)},
      .c = {.type = type_c,
            .rows = g.n,
            .columns = g.m,
            .leading = g.row_c(),
            .stride = stride_of(g.c, run)},
      .count = run.count,
      .tf32 = p.dtype == Dtype::kTf32,
      .adds = g.beta != 0,
      .epilogue = p.epilogue,
      .keeps_before_gelu = p.before_gelu != nullptr,
      .scaled = p.scale_a != nullptr || p.scale_b != nullptr,
      .alignment = {alignment_of(b, call.b_offset, type_b), alignment_of(a, call.a_offset, type_a),
                    alignment_of(c, call.c_offset, type_c)}};
  // Matrices after the first are no better aligned than their stride.
  if (run.count > 1) {
    LtArguments& all = call.arguments;
    const auto with_stride = [](std::uint32_t& alignment, const LtMatrix& matrix) {
      alignment = std::min(alignment, alignment_of(nullptr, matrix.stride, matrix.type));
    };
    with_stride(all.alignment[0], all.a);
    with_stride(all.alignment[1], all.b);
    with_stride(all.alignment[2], all.c);
  }
  return call;
}

}  // namespace

std::int64_t size_of(LtType type) {
  switch (type) {
    case LtType::kFp32:
      return 4;
    case LtType::kFp16:
    case LtType::kBf16:
      return 2;
    case LtType::kE4m3:
    case LtType::kE5m2:
      return 1;
  }
  return 0;
}

std::vector<LtCall> lt_calls(const Product& product, const void* a, const void* b, const void* c) {
  check_types(product);
  check_epilogue(product);
  const Gemm& g = product.shape;
  if (g.m == 0 || g.n == 0 || g.outer * g.inner == 0) return {};
  std::vector<LtCall> calls;
  for (const Run& run : runs_of(g)) {
    calls.push_back(call_of(product, run, a, b, c));
    check_fp8(product, calls.back().arguments);
  }
  return calls;
}

}  // namespace stepcast::cuda
