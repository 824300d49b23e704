// Optimizers, the norm of the gradient and its clipping, on flat fp32 buffers.
#include "kernels/ops/optimizer.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {

void add_updates(Bench& bench) {
  add(bench, {.name = "adam", .bytes = 7 * kFp32Tensor}, [](Bench& b) {
    cuda::adam<float, float>({}, {}, kElements, b.f.data(), b.w.data(), b.h.data(),
                             b.squares.data(), nullptr, b.context);
  });
  add(bench, {.name = "adam with bf16 copy", .bytes = 7 * kFp32Tensor + kBf16Tensor}, [](Bench& b) {
    cuda::adam<float, Bf16>({}, {}, kElements, b.f.data(), b.w.data(), b.h.data(), b.squares.data(),
                            b.y.data(), b.context);
  });
  add(bench, {.name = "sgd", .bytes = 5 * kFp32Tensor}, [](Bench& b) {
    cuda::sgd<float, float>({}, {}, kElements, b.f.data(), b.w.data(), b.g.data(), nullptr,
                            b.context);
  });
  add(bench, {.name = "lamb_direction", .bytes = 7 * kFp32Tensor}, [](Bench& b) {
    cuda::lamb_direction({}, kElements, b.f.data(), b.w.data(), b.h.data(), b.squares.data(),
                         b.g.data(), b.sums.data(), b.context);
  });
  add(bench, {.name = "lamb_apply", .bytes = 3 * kFp32Tensor}, [](Bench& b) {
    cuda::lamb_apply(1e-3F, b.squares.data(), kElements, b.f.data(), b.w.data(), b.context);
  });
  add(bench, {.name = "grad_norm", .bytes = kFp32Tensor}, [](Bench& b) {
    cuda::sum_of_squares(kElements, b.f.data(), false, b.sum.data(), b.context);
  });
  // To a norm so large that the gradient stays what it is.
  add(bench, {.name = "clip_gradient", .bytes = 2 * kFp32Tensor}, [](Bench& b) {
    cuda::clip_gradient(kElements, b.squares.data(), 1e6, b.w.data(), b.context);
  });
}

}  // namespace stepcast::bench
