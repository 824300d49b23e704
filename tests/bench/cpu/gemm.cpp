// Matrix products: fp32, and 16-bit operands that are widened.
#include "kernels/cpu/gemm.h"

#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

void BM_Gemm(benchmark::State& state, bool transpose_a, bool transpose_b) {
  const std::int64_t m = state.range(0), n = state.range(1), k = state.range(2);
  Pool a(m * k, 1), b(k * n, 2), c(m * n, 3);
  const Gemm shape{.m = m, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b};
  for (auto _ : state) cpu::gemm(shape, a.next(), b.next(), c.next());
  report(state, kernel_of(KernelKind::kGemmForward, {m, n, k}));
}
const std::vector<std::vector<std::int64_t>> kGemms = {
    {128, 128, 128}, {512, 512, 512}, {1024, 256, 768}, {1024, 1024, 256}};
void gemm_shapes(benchmark::internal::Benchmark* b) {
  for (const auto& shape : kGemms) b->Args(shape);
}
BENCHMARK_CAPTURE(BM_Gemm, NN, false, false)->Apply(gemm_shapes);
BENCHMARK_CAPTURE(BM_Gemm, NT, false, true)->Apply(gemm_shapes);
BENCHMARK_CAPTURE(BM_Gemm, TN, true, false)->Apply(gemm_shapes);

void BM_GemmBiasGelu(benchmark::State& state) {
  const std::int64_t m = 1024, n = 1024, k = 256;
  Pool a(m * k, 1), b(k * n, 2), bias(n, 3), product(m * n, 4), y(m * n, 5);
  for (auto _ : state)
    cpu::gemm_bias_activation({.m = m, .n = n, .k = k}, Activation::kGeluTanh, a.next(), b.next(),
                              bias.next(), product.next(), y.next());
  report(state, kernel_of(KernelKind::kGemmForward, {m, n, k}));
}
BENCHMARK(BM_GemmBiasGelu);

void BM_GemmBias(benchmark::State& state) {
  const std::int64_t m = 1024, n = 1024, k = 256;
  Pool a(m * k, 1), b(k * n, 2), bias(n, 3), y(m * n, 5);
  for (auto _ : state)
    cpu::gemm_bias({.m = m, .n = n, .k = k}, a.next(), b.next(), bias.next(), y.next());
  report(state, kernel_of(KernelKind::kGemmForward, {m, n, k}));
}
BENCHMARK(BM_GemmBias);

/// Adds to the gradient of a weight.
void BM_GemmWgrad(benchmark::State& state) {
  const std::int64_t m = 256, n = 1024, k = 1024;
  Pool a(k * m, 1), b(k * n, 2), c(m * n, 3);
  const Gemm shape{.m = m, .n = n, .k = k, .transpose_a = true, .beta = 1};
  for (auto _ : state) cpu::gemm(shape, a.next(), b.next(), c.next());
  report(state, kernel_of(KernelKind::kGemmWgrad, {m, n, k}));
}
BENCHMARK(BM_GemmWgrad);

/// Scores of 32 heads.
void BM_GemmBatch(benchmark::State& state) {
  const std::int64_t m = 256, n = 256, k = 64, batch = 32;
  Pool a(batch * m * k, 1), b(batch * k * n, 2), c(batch * m * n, 3);
  Gemm shape{.m = m, .n = n, .k = k, .transpose_b = true, .outer = batch};
  shape.a.outer = m * k, shape.b.outer = k * n, shape.c.outer = m * n;
  for (auto _ : state) cpu::gemm(shape, a.next(), b.next(), c.next());
  report(state, kernel_of(KernelKind::kBatchedGemmForward, {m, n, k, batch}));
}
BENCHMARK(BM_GemmBatch);

/// 16-bit operands, which are widened; results of T, or gradients added up in fp32.
template <typename T, typename Result>
void BM_GemmNarrow(benchmark::State& state) {
  const std::int64_t n = 512;
  const auto a = rounded<T>(random_values(n * n, 1)), b = rounded<T>(random_values(n * n, 2));
  std::vector<Result> c(static_cast<std::size_t>(n * n));
  const Gemm shape{.m = n, .n = n, .k = n};
  std::vector<float> workspace(static_cast<std::size_t>(cpu::gemm_workspace(shape)));
  for (auto _ : state) cpu::gemm(shape, a.data(), b.data(), c.data(), workspace.data());
  report(state, kernel_of(KernelKind::kGemmForward, {n, n, n}));
}
BENCHMARK(BM_GemmNarrow<Bf16, Bf16>);
BENCHMARK(BM_GemmNarrow<Bf16, float>);
BENCHMARK(BM_GemmNarrow<Fp16, Fp16>);

}  // namespace
}  // namespace stepcast::bench
