// The references' backward passes against finite differences of their forward passes, in fp64: the
// only tests that check the mathematics; kernels are then compared with the references.
#include <cmath>

#include "kernels/reference/activation.h"
#include "kernels/reference/attention.h"
#include "kernels/reference/batch_norm.h"
#include "kernels/reference/convolution.h"
#include "kernels/reference/cross_entropy.h"
#include "kernels/reference/dropout.h"
#include "kernels/reference/embedding.h"
#include "kernels/reference/norm.h"
#include "kernels/reference/pooling.h"
#include "kernels/reference/rotary.h"
#include "kernels/reference/softmax.h"
#include "tests/support/parameter_names.h"
#include "tests/support/tensors.h"

namespace stepcast {
namespace {

using Vector = std::vector<double>;

/// The loss of all tests: the weighted sum of y, so that dy = weights.
Vector weights(std::size_t n) { return random_values<double>(static_cast<std::int64_t>(n), 7); }
double loss_of(const Vector& y) { return inner_product(weights(y.size()), y); }

std::string name_of(Activation activation) {
  switch (activation) {
    case Activation::kGeluTanh:
      return "GeluTanh";
    case Activation::kGeluErf:
      return "GeluErf";
    case Activation::kRelu:
      return "Relu";
  }
  return "";
}

class Activations : public testing::TestWithParam<Activation> {};

TEST_P(Activations, GradientsOfInputAndBias) {
  const ActivationShape shape{.kind = GetParam(), .rows = 5, .cols = 7};
  const Vector x = random_values<double>(35, 1), bias = random_values<double>(7, 2);
  const auto loss = [&](const Vector& at_x, const Vector& at_bias) {
    Vector y(35);
    reference::activation_forward(shape, at_x.data(), at_bias.data(), y.data());
    return loss_of(y);
  };
  Vector dx(35), dbias(7);
  reference::activation_backward(shape, x.data(), bias.data(), weights(35).data(), dx.data(),
                                 dbias.data());
  expect_gradient(x, dx, [&](const Vector& at) { return loss(at, bias); });
  expect_gradient(bias, dbias, [&](const Vector& at) { return loss(x, at); });
}

INSTANTIATE_TEST_SUITE_P(All, Activations,
                         testing::Values(Activation::kGeluTanh, Activation::kGeluErf,
                                         Activation::kRelu),
                         [](const auto& kind) { return name_of(kind.param); });

TEST(Swiglu, GradientsOfGateAndValue) {
  const SwigluShape shape{.rows = 4, .cols = 5, .stride = 10};
  const Vector x = random_values<double>(40, 1);
  Vector dx(40);
  reference::swiglu_backward(shape, x.data(), x.data() + 5, weights(20).data(), dx.data(),
                             dx.data() + 5);
  expect_gradient(x, dx, [&](const Vector& at) {
    Vector y(20);
    reference::swiglu_forward(shape, at.data(), at.data() + 5, y.data());
    return loss_of(y);
  });
}

/// Layer norm without and with the mean.
class Norms : public testing::TestWithParam<bool> {};

TEST_P(Norms, GradientsOfInputGainAndBias) {
  const bool centred = GetParam();
  const NormShape shape{.rows = 3, .cols = 9};
  const Vector x = random_values<double>(27, 1), gain = random_values<double>(9, 2);
  const Vector bias = random_values<double>(9, 3);
  const auto loss = [&](const Vector& at_x, const Vector& at_gain, const Vector& at_bias) {
    Vector y(27);
    if (centred)
      reference::layer_norm_forward(shape, at_x.data(), at_gain.data(), at_bias.data(), y.data());
    else
      reference::rms_norm_forward(shape, at_x.data(), at_gain.data(), y.data());
    return loss_of(y);
  };
  Vector dx(27), dgain(9), dbias(9);
  const Vector dy = weights(27);
  if (centred)
    reference::layer_norm_backward(shape, x.data(), gain.data(), dy.data(), dx.data(), false,
                                   dgain.data(), dbias.data());
  else
    reference::rms_norm_backward(shape, x.data(), gain.data(), dy.data(), dx.data(), false,
                                 dgain.data());
  expect_gradient(x, dx, [&](const Vector& at) { return loss(at, gain, bias); });
  expect_gradient(gain, dgain, [&](const Vector& at) { return loss(x, at, bias); });
  if (centred) expect_gradient(bias, dbias, [&](const Vector& at) { return loss(x, gain, at); });
}

INSTANTIATE_TEST_SUITE_P(All, Norms, testing::Bool(), PrintedName());

TEST(Softmax, GradientOfMaskedScores) {
  const SoftmaxShape shape{.matrices = 2, .queries = 3, .keys = 5, .causal = true, .scale = 0.7f};
  const Vector scores = random_values<double>(30, 1);
  const auto forward = [&](const Vector& at) {
    Vector p(30);
    reference::softmax_forward(shape, at.data(), p.data());
    return p;
  };
  Vector dscores(30);
  reference::softmax_backward(shape, forward(scores).data(), weights(30).data(), dscores.data());
  expect_gradient(scores, dscores, [&](const Vector& at) { return loss_of(forward(at)); });
}

/// q, k and v of two query heads and one key head inside one projection, row (q0, q1, k, v).
class AttentionGradients : public testing::TestWithParam<bool> {
 protected:
  static constexpr std::int64_t kTokens = 5, kDim = 3, kWidth = 4 * kDim;
  const AttentionShape shape_{.batch = 2,
                              .heads = 2,
                              .kv_heads = 1,
                              .queries = kTokens,
                              .keys = kTokens,
                              .head_dim = kDim,
                              .causal = GetParam(),
                              .scale = 0.6f};
  template <typename T>
  static HeadsView<T> part(T* qkv, std::int64_t first) {
    return {qkv + first * kDim, kTokens * kWidth, kWidth, kDim};
  }
  template <typename T>
  static HeadsView<T> result(T* out) {
    return {out, kTokens * 2 * kDim, 2 * kDim, kDim};
  }
  Vector forward(const Vector& qkv, Vector& log_sums) const {
    Vector out(2 * kTokens * 2 * kDim);
    reference::attention_forward(shape_, part(qkv.data(), 0), part(qkv.data(), 2),
                                 part(qkv.data(), 3), result(out.data()), log_sums.data());
    return out;
  }
};

TEST_P(AttentionGradients, AgreeWithFiniteDifferences) {
  const Vector qkv = random_values<double>(2 * kTokens * kWidth, 1);
  Vector log_sums(2 * 2 * kTokens), dqkv(qkv.size());
  const Vector out = forward(qkv, log_sums), dout = weights(out.size());
  reference::attention_backward(shape_, part(qkv.data(), 0), part(qkv.data(), 2),
                                part(qkv.data(), 3), result(out.data()), log_sums.data(),
                                result(dout.data()), part(dqkv.data(), 0), part(dqkv.data(), 2),
                                part(dqkv.data(), 3));
  expect_gradient(qkv, dqkv, [&](const Vector& at) { return loss_of(forward(at, log_sums)); });
}

INSTANTIATE_TEST_SUITE_P(Causal, AttentionGradients, testing::Bool(), PrintedName());

TEST(Rotary, TheInverseIsTheGradient) {
  for (const RotaryPairs pairs : {RotaryPairs::kHalves, RotaryPairs::kInterleaved}) {
    const RotaryShape shape{.sequences = 2,
                            .tokens = 3,
                            .heads = 2,
                            .head_dim = 6,
                            .stride = 12,
                            .first_position = 4,
                            .pairs = pairs};
    const Vector x = random_values<double>(72, 1), dy = weights(72);
    Vector dx(72);
    reference::rotary(shape, 10000, true, dy.data(), dx.data());
    expect_gradient(x, dx, [&](const Vector& at) {
      Vector y(72);
      reference::rotary(shape, 10000, false, at.data(), y.data());
      return loss_of(y);
    });
  }
}

TEST(Embedding, GradientOfTheRowsHeld) {
  const EmbeddingShape shape{.tokens = 6, .width = 4, .first = 2, .last = 7};
  const std::vector<std::int32_t> ids = {2, 6, 1, 2, 7, 4};  // 1 and 7 are other ranks'
  const Vector table = random_values<double>(20, 1);
  Vector dtable(20);
  reference::embedding_backward(shape, ids.data(), weights(24).data(), dtable.data());
  expect_gradient(table, dtable, [&](const Vector& at) {
    Vector y(24);
    reference::embedding_forward(shape, ids.data(), at.data(), y.data(), false);
    return loss_of(y);
  });
}

TEST(CrossEntropy, GradientOfTheMeanLoss) {
  const CrossEntropyShape shape{.tokens = 4, .first = 0, .last = 6};
  const std::vector<std::int32_t> targets = {5, -1, 0, 3};
  const Vector logits = random_values<double>(24, 1, 3);
  Vector dlogits(24);
  reference::cross_entropy_backward(shape, logits.data(), targets.data(), 1.0 / 3, dlogits.data());
  expect_gradient(logits, dlogits, [&](const Vector& at) {
    Vector losses(4);
    reference::cross_entropy_forward(shape, at.data(), targets.data(), losses.data());
    return (losses[0] + losses[1] + losses[2] + losses[3]) / 3;
  });
}

TEST(ResidualDropout, GradientsOfInputAndBias) {
  const DropoutShape shape{.rows = 5, .cols = 6};
  const Dropout dropout{.probability = 0.4, .seed = 11};
  const Vector x = random_values<double>(30, 1), bias = random_values<double>(6, 2);
  const Vector residual = random_values<double>(30, 3);
  const auto loss = [&](const Vector& at_x, const Vector& at_bias) {
    Vector y(30);
    reference::residual_dropout_forward(shape, dropout, at_x.data(), at_bias.data(),
                                        residual.data(), y.data());
    return loss_of(y);
  };
  Vector dx(30), dbias(6);
  reference::residual_dropout_backward(shape, dropout, weights(30).data(), dx.data(), dbias.data());
  expect_gradient(x, dx, [&](const Vector& at) { return loss(at, bias); });
  expect_gradient(bias, dbias, [&](const Vector& at) { return loss(x, at); });
}

TEST(Convolution, GradientsOfImageAndWeights) {
  const ConvolutionShape shape{.images = 2,
                               .in_channels = 2,
                               .height = 5,
                               .width = 6,
                               .out_channels = 3,
                               .kernel = 3,
                               .stride = 2,
                               .padding = 1};
  const Vector x = random_values<double>(120, 1), w = random_values<double>(54, 2);
  const std::int64_t results = 2 * 3 * shape.positions();
  const auto loss = [&](const Vector& at_x, const Vector& at_w) {
    Vector y(results);
    reference::convolution_forward(shape, at_x.data(), at_w.data(), y.data());
    return loss_of(y);
  };
  Vector dx(120), dw(54);
  const Vector dy = weights(static_cast<std::size_t>(results));
  reference::convolution_dgrad(shape, w.data(), dy.data(), dx.data());
  reference::convolution_wgrad(shape, x.data(), dy.data(), dw.data());
  expect_gradient(x, dx, [&](const Vector& at) { return loss(at, w); });
  expect_gradient(w, dw, [&](const Vector& at) { return loss(x, at); });
}

TEST(BatchNorm, GradientsOfImageGainAndBias) {
  const BatchNormShape shape{.images = 3, .channels = 2, .pixels = 5};
  const Vector x = random_values<double>(30, 1), gain = random_values<double>(2, 2);
  const Vector bias = random_values<double>(2, 3);
  const auto loss = [&](const Vector& at_x, const Vector& at_gain, const Vector& at_bias) {
    Vector y(30), running_mean(2), running_variance(2);
    reference::batch_norm_forward(shape, at_x.data(), at_gain.data(), at_bias.data(), y.data(),
                                  running_mean.data(), running_variance.data());
    return loss_of(y);
  };
  Vector dx(30), dgain(2), dbias(2);
  reference::batch_norm_backward(shape, x.data(), gain.data(), weights(30).data(), dx.data(),
                                 dgain.data(), dbias.data());
  expect_gradient(x, dx, [&](const Vector& at) { return loss(at, gain, bias); });
  expect_gradient(gain, dgain, [&](const Vector& at) { return loss(x, at, bias); });
  expect_gradient(bias, dbias, [&](const Vector& at) { return loss(x, gain, at); });
}

TEST(Pooling, GradientsOfMaximumAndAverage) {
  const PoolingShape shape{
      .planes = 2, .height = 5, .width = 6, .window = 3, .stride = 2, .padding = 1};
  const Vector x = random_values<double>(60, 1);
  const std::int64_t results = 2 * shape.out_height() * shape.out_width();
  const Vector dy = weights(static_cast<std::size_t>(results));
  Vector dx(60), y(results);
  reference::max_pooling_backward(shape, x.data(), dy.data(), dx.data());
  expect_gradient(x, dx, [&](const Vector& at) {
    reference::max_pooling_forward(shape, at.data(), y.data());
    return loss_of(y);
  });
  reference::average_pooling_backward(shape, dy.data(), dx.data());
  expect_gradient(x, dx, [&](const Vector& at) {
    reference::average_pooling_forward(shape, at.data(), y.data());
    return loss_of(y);
  });
}

}  // namespace
}  // namespace stepcast
