// Activations, rotary embedding, residual and dropout: kernels that work by element.
#include <memory>

#include "kernels/ops/activation.h"
#include "kernels/ops/dropout.h"
#include "kernels/ops/rotary.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {
namespace {

constexpr ActivationShape kGelu{Activation::kGeluTanh, kTokens, kHidden};
constexpr SwigluShape kSwiglu{kTokens, kHidden, 2 * kHidden};

void add_activations(Bench& bench) {
  add(bench, {.name = "gelu_forward", .bytes = 2 * kBf16Tensor}, [](Bench& b) {
    cuda::activation_forward<Bf16>(kGelu, b.x.data(), nullptr, b.y.data(), b.context);
  });
  add(bench, {.name = "gelu_backward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::activation_backward<Bf16>(kGelu, b.x.data(), nullptr, b.z.data(), b.y.data(), nullptr,
                                    b.context);
  });
  add(bench, {.name = "gelu_backward with bias", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::activation_backward<Bf16>(kGelu, b.x.data(), b.vector.data(), b.z.data(), b.y.data(),
                                    b.sums.data(), b.context);
  });
  add(bench, {.name = "swiglu_forward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::swiglu_forward<Bf16>(kSwiglu, b.z.data(), b.z.data() + kHidden, b.y.data(), b.context);
  });
  add(bench, {.name = "swiglu_backward", .bytes = 5 * kBf16Tensor}, [](Bench& b) {
    cuda::swiglu_backward<Bf16>(kSwiglu, b.z.data(), b.z.data() + kHidden, b.x.data(),
                                b.result.data(), b.result.data() + kHidden, b.context);
  });
}

void add_rotary(Bench& bench) {
  constexpr std::int64_t kLength = 4096;
  const auto table = std::make_shared<cuda::DeviceRotaryTable>(RotaryTable(kLength, 128));
  for (const bool backward : {false, true})
    add(bench, {.name = backward ? "rotary_backward" : "rotary_forward", .bytes = 2 * kBf16Tensor},
        [table, backward](Bench& b) {
          cuda::rotary<Bf16>({.sequences = kTokens / kLength,
                              .tokens = kLength,
                              .heads = kHidden / 128,
                              .head_dim = 128,
                              .stride = kHidden},
                             *table, backward, b.x.data(), b.y.data(), b.context);
        });
}

void add_residuals(Bench& bench) {
  static constexpr DropoutShape kShape{.rows = kTokens, .cols = kHidden};
  add(bench, {.name = "residual_forward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::residual_dropout_forward<Bf16>(kShape, {}, b.x.data(), b.vector.data(), b.z.data(),
                                         b.y.data(), b.context);
  });
  add(bench, {.name = "residual_dropout_forward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::residual_dropout_forward<Bf16>(kShape, {.probability = 0.1, .seed = 1}, b.x.data(),
                                         b.vector.data(), b.z.data(), b.y.data(), b.context);
  });
  add(bench, {.name = "residual_dropout_backward", .bytes = 2 * kBf16Tensor}, [](Bench& b) {
    cuda::residual_dropout_backward<Bf16>(kShape, {.probability = 0.1, .seed = 1}, b.x.data(),
                                          b.y.data(), b.sums.data(), b.context);
  });
}

}  // namespace

void add_elements(Bench& bench) {
  add_activations(bench);
  add_rotary(bench);
  add_residuals(bench);
}

}  // namespace stepcast::bench
