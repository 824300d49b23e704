// Convolution, batch norm and pooling of images.
#include "kernels/cpu/batch_norm.h"
#include "kernels/cpu/convolution.h"
#include "kernels/cpu/pooling.h"
#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

enum class Pass { kForward, kDgrad, kWgrad };

void BM_Convolution(benchmark::State& state, Pass pass) {
  const ConvolutionShape shape{.images = 2,
                               .in_channels = 64,
                               .height = 56,
                               .width = 56,
                               .out_channels = 64,
                               .kernel = 3,
                               .padding = 1};
  Pool x(2 * 64 * 56 * 56, 1), y(2 * 64 * 56 * 56, 2), weights(64 * shape.patch(), 3);
  std::vector<float> workspace(static_cast<std::size_t>(shape.workspace()));
  for (auto _ : state) {
    if (pass == Pass::kForward)
      cpu::convolution_forward(shape, x.next(), weights.next(), y.next(), workspace.data());
    else if (pass == Pass::kDgrad)
      cpu::convolution_dgrad(shape, weights.next(), y.next(), x.next(), workspace.data());
    else
      cpu::convolution_wgrad(shape, x.next(), y.next(), weights.next(), workspace.data());
  }
  rate(state, "flops", 2.0 * 2 * 64 * static_cast<double>(shape.patch() * shape.positions()));
}
BENCHMARK_CAPTURE(BM_Convolution, forward, Pass::kForward);
BENCHMARK_CAPTURE(BM_Convolution, dgrad, Pass::kDgrad);
BENCHMARK_CAPTURE(BM_Convolution, wgrad, Pass::kWgrad);

// The statistics need all of a channel before the first result: x, and dy, are read twice.
BENCHMARK_CAPTURE(BM_Outside, batch_norm, 12, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::batch_norm_forward({.images = 4, .channels = 64, .pixels = n / 256}, p[0]->next(),
                          kVector.data(), kVector.data(), p[1]->next(), nullptr, nullptr);
});
BENCHMARK_CAPTURE(BM_Outside, batch_norm_backward, 20, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::batch_norm_backward({.images = 4, .channels = 64, .pixels = n / 256}, p[0]->next(),
                           kVector.data(), p[1]->next(), p[2]->next(), vector_gradient.data(),
                           more_gradient.data());
});

/// Windows of 2 x 2 that do not overlap: x is four times as large as y.
PoolingShape windows(std::int64_t n) {
  return {.planes = n / 4096, .height = 64, .width = 64, .window = 2, .stride = 2};
}
BENCHMARK_CAPTURE(BM_Outside, max_pooling, 5, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::max_pooling_forward(windows(n), p[0]->next(), p[1]->next());
});
BENCHMARK_CAPTURE(BM_Outside, max_pooling_backward, 9, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::max_pooling_backward(windows(n), p[0]->next(), p[1]->next(), p[2]->next());
});
BENCHMARK_CAPTURE(BM_Outside, average_pooling, 5, [](std::int64_t n, std::array<Pool*, 3> p) {
  cpu::average_pooling_forward(windows(n), p[0]->next(), p[1]->next());
});
BENCHMARK_CAPTURE(BM_Outside, average_pooling_backward, 5,
                  [](std::int64_t n, std::array<Pool*, 3> p) {
                    cpu::average_pooling_backward(windows(n), p[0]->next(), p[1]->next());
                  });

}  // namespace
}  // namespace stepcast::bench
