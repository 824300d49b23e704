// Compression of gradients.
#include "kernels/cpu/compression.h"

#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

BENCHMARK_CAPTURE(BM_Outside, quantize, 5, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<std::int8_t> q(1 << 20);
  cpu::quantize({.n = n}, p[0]->next(), q.data(), p[1]->next());
});
BENCHMARK_CAPTURE(BM_Outside, dequantize, 5, [](std::int64_t n, std::array<Pool*, 3> p) {
  static const std::vector<std::int8_t> q(1 << 20, 77);
  cpu::dequantize({.n = n}, q.data(), p[0]->next(), p[1]->next());
});
BENCHMARK_CAPTURE(BM_Outside, top_k, 4, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<std::int32_t> indices(1 << 20);
  cpu::top_k(n, n / 100, p[0]->next(), indices.data(), p[1]->next());
});
/// What top_k sent: of each hundred elements one, with its index and value.
BENCHMARK_CAPTURE(BM_Outside, add_sparse, 0.16, [](std::int64_t n, std::array<Pool*, 3> p) {
  static const std::vector<std::int32_t> indices = [n] {
    std::vector<std::int32_t> every(static_cast<std::size_t>(n / 100));
    for (std::size_t i = 0; i < every.size(); ++i) every[i] = static_cast<std::int32_t>(100 * i);
    return every;
  }();
  cpu::add_sparse(n / 100, indices.data(), p[0]->next(), p[1]->next());
});

}  // namespace
}  // namespace stepcast::bench
