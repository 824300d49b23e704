// Optimizers, the norm of the gradient and its clipping.
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/optimizer.h"
#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

STEPCAST_STREAMING(adam, kAdam,
                   cpu::adam({.learning_rate = 0}, rows* cols, p[0]->next(), p[1]->next(),
                             p[2]->next(), p[3]->next()));
STEPCAST_STREAMING(gradient_norm, kGradNorm,
                   benchmark::DoNotOptimize(cpu::sum_of_squares(rows* cols, p[0]->next())));

BENCHMARK_CAPTURE(BM_Outside, sgd, 20, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::sgd({.learning_rate = 0}, n, p[0]->next(), p[1]->next(), p[2]->next());
});
BENCHMARK_CAPTURE(BM_Outside, lamb_direction, 28, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<float> moment1(1 << 20), moment2(1 << 20);
  benchmark::DoNotOptimize(cpu::lamb_direction({}, n, p[0]->next(), p[1]->next(), moment1.data(),
                                               moment2.data(), p[2]->next()));
});
BENCHMARK_CAPTURE(BM_Outside, lamb_apply, 12, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::lamb_apply(1e-6f, n, p[0]->next(), p[1]->next());
});
/// By the factor of clip_factor().
BENCHMARK_CAPTURE(BM_Outside, clip_gradient, 8, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::scale(n, clip_factor(1.0, 2.0), p[0]->next());
});

}  // namespace
}  // namespace stepcast::bench
