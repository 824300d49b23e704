// cuBLASLt's side of kernels/ops/products.h as plain loops over column-major matrices, straight
// from its documentation: D = epilogue(alpha * op(A) op(B) + beta * C).
#include <cmath>

#include "kernels/cpu/element.h"
#include "kernels/ops/fp8.h"
#include "kernels/ops/products.h"

namespace stepcast::cuda {
namespace {

double get(LtType type, const void* memory, std::int64_t at) {
  switch (type) {
    case LtType::kFp32:
      return static_cast<const float*>(memory)[at];
    case LtType::kFp16:
      return widened(static_cast<const Fp16*>(memory)[at]);
    case LtType::kBf16:
      return widened(static_cast<const Bf16*>(memory)[at]);
    case LtType::kE4m3:
      return from_fp8(Fp8::kE4m3, static_cast<const std::uint8_t*>(memory)[at]);
    case LtType::kE5m2:
      return from_fp8(Fp8::kE5m2, static_cast<const std::uint8_t*>(memory)[at]);
  }
  return 0;
}

void put(LtType type, void* memory, std::int64_t at, double value) {
  const auto rounded = static_cast<float>(value);
  if (type == LtType::kFp32) static_cast<float*>(memory)[at] = rounded;
  if (type == LtType::kFp16) store(static_cast<Fp16*>(memory)[at], rounded);
  if (type == LtType::kBf16) store(static_cast<Bf16*>(memory)[at], rounded);
}

/// Element (r, c) of op(matrix).
double element(const LtMatrix& m, const void* memory, std::int64_t matrix, std::int64_t r,
               std::int64_t c) {
  const std::int64_t at = m.transpose ? c + r * m.leading : r + c * m.leading;
  return get(m.type, memory, matrix * m.stride + at);
}

double gelu(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

}  // namespace

struct Products::State {};
Products::Products(DeviceContext& /*context*/) {}
Products::~Products() = default;

void Products::run(const LtArguments& g, const LtPointers& p) {
  const std::int64_t inner = g.a.transpose ? g.a.rows : g.a.columns;
  const double scale =
      (p.scale_a != nullptr ? *p.scale_a : 1.0F) * (p.scale_b != nullptr ? *p.scale_b : 1.0F);
  const bool biased = g.epilogue == Epilogue::kBias || g.epilogue == Epilogue::kBiasGelu;
  const bool curved = g.epilogue == Epilogue::kGelu || g.epilogue == Epilogue::kBiasGelu;
  for (std::int64_t matrix = 0; matrix < g.count; ++matrix)
    for (std::int64_t c = 0; c < g.c.columns; ++c)
      for (std::int64_t r = 0; r < g.c.rows; ++r) {
        double sum = 0;
        for (std::int64_t l = 0; l < inner; ++l)
          sum += element(g.a, p.a, matrix, r, l) * element(g.b, p.b, matrix, l, c);
        const std::int64_t at = matrix * g.c.stride + r + c * g.c.leading;
        double value = p.alpha * scale * sum;
        if (p.beta != 0) value += p.beta * get(g.c.type, p.c, at);
        if (biased) value += get(g.c.type, p.bias, r);
        if (g.keeps_before_gelu) put(g.c.type, p.before_gelu, at, value);
        put(g.c.type, p.c, at, curved ? gelu(value) : value);
      }
}

}  // namespace stepcast::cuda
