// Activations, rotary embedding, dropout, copies, casts.
#include "kernels/cpu/activation.h"
#include "kernels/cpu/dropout.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/rotary.h"
#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

STEPCAST_STREAMING(gelu, kGeluForward,
                   cpu::activation_forward({.rows = rows, .cols = cols}, p[0]->next(),
                                           kVector.data(), p[1]->next()));
STEPCAST_STREAMING(
    gelu_erf, kGeluForward,
    cpu::activation_forward({.kind = Activation::kGeluErf, .rows = rows, .cols = cols},
                            p[0]->next(), kVector.data(), p[1]->next()));
STEPCAST_STREAMING(gelu_backward, kGeluBackward,
                   cpu::activation_backward({.rows = rows, .cols = cols}, p[0]->next(),
                                            kVector.data(), p[1]->next(), p[2]->next(),
                                            vector_gradient.data()));
STEPCAST_STREAMING(swiglu, kSwigluForward,
                   cpu::swiglu_forward({.rows = rows, .cols = cols, .stride = cols}, p[0]->next(),
                                       p[1]->next(), p[2]->next()));
STEPCAST_STREAMING(swiglu_backward, kSwigluBackward, {
  float *const gate = p[0]->next(), *const up = p[1]->next();
  cpu::swiglu_backward({.rows = rows, .cols = cols, .stride = cols}, gate, up, p[2]->next(), gate,
                       up);
});
STEPCAST_STREAMING(residual, kResidualDropoutForward,
                   cpu::residual_dropout_forward({.rows = rows, .cols = cols}, {}, p[0]->next(),
                                                 kNoBias, static_cast<const float*>(p[1]->next()),
                                                 p[2]->next()));
STEPCAST_STREAMING(residual_dropout, kResidualDropoutForward,
                   cpu::residual_dropout_forward({.rows = rows, .cols = cols},
                                                 {.probability = 0.1, .seed = 1}, p[0]->next(),
                                                 kNoBias, static_cast<const float*>(p[1]->next()),
                                                 p[2]->next()));
STEPCAST_STREAMING(residual_dropout_backward, kResidualDropoutBackward,
                   cpu::residual_dropout_backward({.rows = rows, .cols = cols},
                                                  {.probability = 0.1, .seed = 1}, p[0]->next(),
                                                  p[1]->next(), vector_gradient.data()));
STEPCAST_STREAMING(copy, kCopy,
                   cpu::copy({.rows = rows, .cols = cols, .from_stride = cols, .to_stride = cols},
                             p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(
    transpose, kCopy,
    cpu::transpose({.rows = rows, .cols = cols, .from_stride = cols, .to_stride = rows},
                   p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(add, kAddGradient,
                   cpu::add(rows* cols, p[0]->next(), p[1]->next(), p[2]->next()));
STEPCAST_STREAMING(accumulate, kAccumulate,
                   cpu::accumulate(rows* cols, p[0]->next(), p[1]->next()));

void BM_Rotary(benchmark::State& state, bool backward) {
  const RotaryShape shape{
      .sequences = 4, .tokens = 512, .heads = 16, .head_dim = 64, .stride = 1024};
  const RotaryTable table(shape.tokens, shape.head_dim);
  Pool x(4 * 512 * 1024, 1), y(4 * 512 * 1024, 2);
  for (auto _ : state) cpu::rotary(shape, table, backward, x.next(), y.next());
  report(state, kernel_of(backward ? KernelKind::kRotaryBackward : KernelKind::kRotaryForward,
                          {4 * 512 * 1024}));
}
BENCHMARK_CAPTURE(BM_Rotary, forward, false);
BENCHMARK_CAPTURE(BM_Rotary, backward, true);

BENCHMARK_CAPTURE(BM_Outside, scale, 8,
                  [](std::int64_t n, std::array<Pool*, 3> p) { cpu::scale(n, -1, p[0]->next()); });
BENCHMARK_CAPTURE(BM_Outside, column_sums, 4, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::add_column_sums(n / 1024, 1024, p[0]->next(), vector_gradient.data());
});
BENCHMARK_CAPTURE(BM_Outside, cast_to_bf16, 6, [](std::int64_t n, std::array<Pool*, 3> p) {
  static std::vector<Bf16> narrow(1 << 20);
  cpu::cast(n, p[0]->next(), narrow.data());
});
const std::vector<Bf16> kNarrow = rounded(random_values(1 << 20, 1));
BENCHMARK_CAPTURE(BM_Outside, cast_from_bf16, 6, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::cast(n, kNarrow.data(), p[0]->next());
});

}  // namespace
}  // namespace stepcast::bench
