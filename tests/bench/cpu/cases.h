// The bench of kernels/cpu/, one thread. Buffers are rotated through 8 MiB, twice the second cache
// and more: a hot buffer flatters. `flops` is arithmetic per second, `bytes` the traffic of
// bytes_of() (sim/compute/kernels.h) per second.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "sim/compute/kernels.h"
#include "tests/support/tensors.h"

namespace stepcast::bench {

inline constexpr std::int64_t kRotated = 2 * 1024 * 1024;  ///< floats of a pool

/// Tensors of n floats that take turns.
class Pool {
 public:
  Pool(std::int64_t n, std::uint32_t seed)
      : n_(n), tensors_(std::max<std::int64_t>(kRotated / n, 1)) {
    // Repeating a short stretch keeps set-up short.
    const auto some = random_values(std::min<std::int64_t>(n, 10007), seed);
    values_.resize(static_cast<std::size_t>(n * tensors_));
    for (std::size_t i = 0; i < values_.size(); ++i) values_[i] = some[i % some.size()];
  }
  float* next() { return values_.data() + next_++ % tensors_ * n_; }

 private:
  std::int64_t n_;
  std::int64_t tensors_;
  std::int64_t next_ = 0;
  std::vector<float> values_;
};

inline void rate(benchmark::State& state, const char* name, double work) {
  state.counters[name] = benchmark::Counter(work, benchmark::Counter::kIsIterationInvariantRate);
}

inline void report(benchmark::State& state, const Kernel& kernel) {
  rate(state, "flops", flops_of(kernel).value());
  rate(state, "bytes", static_cast<double>(bytes_of(kernel).value()));
}

inline Kernel kernel_of(KernelKind kind, KernelDims dims, bool causal = false) {
  return {.kind = kind, .dtype = Dtype::kFp32, .causal = causal, .dims = dims};
}

/// A memory-bound kernel of `rows` by `cols` elements on four tensors that take turns.
using Streaming = std::function<void(std::int64_t rows, std::int64_t cols, std::array<Pool*, 4>)>;

inline void BM_Streaming(benchmark::State& state, KernelKind kind, const Streaming& run) {
  const std::int64_t rows = state.range(0), cols = state.range(1);
  Pool a(rows * cols, 1), b(rows * cols, 2), c(rows * cols, 3), d(rows * cols, 4);
  for (auto _ : state) run(rows, cols, {&a, &b, &c, &d});
  const bool rows_and_columns = !info(kind).dim_names[1].empty();
  report(state,
         kernel_of(kind, rows_and_columns ? KernelDims{rows, cols} : KernelDims{rows * cols}));
}

/// What all of them read of one row, and where gradients and values of rows and columns go.
inline const std::vector<float> kVector(65536, 1.0f);
inline std::vector<float> vector_gradient(65536), more_gradient(65536), row_values(65536);
inline const float* const kNoBias = nullptr;

inline void streaming_sizes(benchmark::internal::Benchmark* b) {
  b->Args({64, 256})->Args({1024, 1024})->Args({4096, 4096});
}
#define STEPCAST_STREAMING(name, kind, ...)                                              \
  BENCHMARK_CAPTURE(                                                                     \
      BM_Streaming, name, KernelKind::kind,                                              \
      [](std::int64_t rows, std::int64_t cols, std::array<Pool*, 4> p) { __VA_ARGS__; }) \
      ->Apply(streaming_sizes)

/// A kernel of n = 2^20 floats whose dimensions are not rows and columns; it moves `bytes` per
/// element.
inline void BM_Outside(benchmark::State& state, double bytes,
                       void (*run)(std::int64_t n, std::array<Pool*, 3>)) {
  constexpr std::int64_t kN = 1 << 20;
  Pool a(kN, 1), b(kN, 2), c(kN, 3);
  for (auto _ : state) run(kN, {&a, &b, &c});
  rate(state, "bytes", bytes * kN);
}

}  // namespace stepcast::bench
