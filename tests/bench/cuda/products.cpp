// Matrix products through kernels/ops/gemm.h, beside a bare cublasLtMatmul of the same work.
#include <array>
#include <memory>

#include "kernels/ops/gemm.h"
#include "tests/bench/cuda/cases.h"
#include "tests/bench/cuda/plain_cublaslt.h"

namespace stepcast::bench {
namespace {

constexpr std::int64_t kN = 4096;  ///< a linear layer of that width

cudaDataType_t type_of(Dtype dtype) {
  switch (dtype) {
    case Dtype::kFp16:
      return CUDA_R_16F;
    case Dtype::kBf16:
      return CUDA_R_16BF;
    case Dtype::kFp8:
      return CUDA_R_8F_E4M3;
    default:
      return CUDA_R_32F;
  }
}

cublasLtEpilogue_t epilogue_of(cuda::Epilogue epilogue) {
  switch (epilogue) {
    case cuda::Epilogue::kBias:
      return CUBLASLT_EPILOGUE_BIAS;
    case cuda::Epilogue::kGelu:
      return CUBLASLT_EPILOGUE_GELU;
    case cuda::Epilogue::kBiasGelu:
      return CUBLASLT_EPILOGUE_GELU_BIAS;
    case cuda::Epilogue::kNone:
      break;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

PlainProduct plain(const cuda::Product& p) {
  return {.m = p.shape.m,
          .n = p.shape.n,
          .k = p.shape.k,
          .transpose_a = p.shape.transpose_a,
          .transpose_b = p.shape.transpose_b,
          .type = type_of(p.dtype),
          .result = type_of(p.result),
          .arithmetic = p.dtype == Dtype::kTf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F,
          .beta = p.shape.beta,
          .count = static_cast<std::int32_t>(p.shape.outer),
          .epilogue = epilogue_of(p.epilogue),
          .bias = p.bias};
}

const void* factor(const Bench& b, Dtype dtype) {
  if (dtype == Dtype::kFp8) return b.numbers.data();
  if (dtype == Dtype::kFp16) return b.half.data();
  return dtype == Dtype::kBf16 ? static_cast<const void*>(b.x.data()) : b.f.data();
}

void* target(const Bench& b, Dtype dtype) {
  return dtype == Dtype::kFp32 ? static_cast<void*>(b.g.data()) : b.y.data();
}

void product(Bench& bench, const std::string& name, const cuda::Product& p) {
  const auto reference = std::make_shared<std::unique_ptr<PlainCublasLt>>();
  const Gemm& s = p.shape;
  const double flops = 2.0 * static_cast<double>(s.m * s.n * s.k * s.outer);
  add(bench,
      {.name = "gemm " + name,
       .flops = flops,
       .ratio = "of_cublaslt",
       .reference =
           [p, reference](Bench& b) {
             if (!*reference)
               *reference = std::make_unique<PlainCublasLt>(plain(p), b.stream.handle());
             (*reference)->run(factor(b, p.dtype), factor(b, p.dtype), target(b, p.result));
           }},
      [p](Bench& b) {
        cuda::gemm(p, factor(b, p.dtype), factor(b, p.dtype), target(b, p.result), b.context);
      });
}

/// The three products of a linear layer: forward, gradient of the input, gradient of the weight.
void add_layouts(Bench& bench, const std::string& name, Dtype dtype, Dtype result) {
  const Gemm square{.m = kN, .n = kN, .k = kN};
  Gemm nt = square, tn = square;
  nt.transpose_b = tn.transpose_a = true;
  // fp8 products have this one layout (kernels/ops/gemm.h).
  if (dtype != Dtype::kFp8) {
    product(bench, name + " NN", {.shape = square, .dtype = dtype, .result = result});
    product(bench, name + " TN", {.shape = tn, .dtype = dtype, .result = result});
  }
  product(bench, name + " NT", {.shape = nt, .dtype = dtype, .result = result});
}

void add_wgrad(Bench& bench, const std::string& name, Dtype dtype) {
  const Gemm shape{.m = kN, .n = kN, .k = kTokens, .transpose_a = true, .beta = 1};
  product(bench, name + " added to fp32", {.shape = shape, .dtype = dtype, .result = Dtype::kFp32});
}

void add_batch(Bench& bench) {
  constexpr std::int64_t kSide = 2048;
  Gemm shape{.m = kSide, .n = kSide, .k = kSide, .transpose_b = true, .outer = 16};
  shape.a.outer = shape.b.outer = shape.c.outer = kSide * kSide;
  product(bench, "bf16 NT, 16 of 2048",
          {.shape = shape, .dtype = Dtype::kBf16, .result = Dtype::kBf16});
}

void add_epilogues(Bench& bench) {
  struct Row {
    const char* name;
    cuda::Epilogue epilogue;
    bool bias;
  };
  for (const Row& row : std::array<Row, 3>{{{"bias", cuda::Epilogue::kBias, true},
                                            {"gelu", cuda::Epilogue::kGelu, false},
                                            {"bias and gelu", cuda::Epilogue::kBiasGelu, true}}})
    product(bench, std::string("bf16 NN, ") + row.name,
            {.shape = {.m = kN, .n = kN, .k = kN},
             .dtype = Dtype::kBf16,
             .result = Dtype::kBf16,
             .epilogue = row.epilogue,
             .bias = row.bias ? bench.vector.data() : nullptr});
}

}  // namespace

void add_products(Bench& bench) {
  add_layouts(bench, "fp32", Dtype::kFp32, Dtype::kFp32);
  add_layouts(bench, "tf32", Dtype::kTf32, Dtype::kFp32);
  add_layouts(bench, "fp16", Dtype::kFp16, Dtype::kFp16);
  add_layouts(bench, "bf16", Dtype::kBf16, Dtype::kBf16);
  add_layouts(bench, "bf16 into fp32", Dtype::kBf16, Dtype::kFp32);
  add_layouts(bench, "fp8 into bf16", Dtype::kFp8, Dtype::kBf16);
  add_wgrad(bench, "bf16 TN", Dtype::kBf16);
  add_wgrad(bench, "fp16 TN", Dtype::kFp16);
  add_batch(bench);
  add_epilogues(bench);
}

}  // namespace stepcast::bench
