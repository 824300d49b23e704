#include "kernels/ops/attention.h"

#include <cmath>
#include <limits>

#include "kernels/reference/attention.h"
#include "sim/base/error.h"
#include "tests/ops/on_device.h"

namespace stepcast {
namespace {

/// Projections of queries, keys and values side by side in rows of one tensor, and results.
template <typename T>
struct Attention {
  explicit Attention(const AttentionShape& wanted)
      : shape(wanted),
        width((shape.heads + 2 * shape.kv_heads) * shape.head_dim),
        longest(std::max(shape.queries, shape.keys)),
        qkv(as_stored<T>(random_values(shape.batch * longest * width, 1))),
        dout(as_stored<T>(
            random_values(shape.batch * shape.queries * shape.heads * shape.head_dim, 2))),
        out(dout.size()),
        log_sums(static_cast<std::size_t>(shape.batch * shape.heads * shape.queries)),
        gradients(qkv.size(), 0) {}

  template <typename E>
  HeadsView<E> part(E* data, std::int64_t first_head) const {
    return {data + first_head * shape.head_dim, longest * width, width, shape.head_dim};
  }
  template <typename E>
  HeadsView<E> result(E* data) const {
    const std::int64_t row = shape.heads * shape.head_dim;
    return {data, shape.queries * row, row, shape.head_dim};
  }

  void run_reference() {
    const float *in = qkv.data(), *read = out.data(), *d = dout.data();
    const std::int64_t k = shape.heads, v = shape.heads + shape.kv_heads;
    reference::attention_forward(shape, part(in, 0), part(in, k), part(in, v), result(out.data()),
                                 log_sums.data());
    reference::attention_backward(shape, part(in, 0), part(in, k), part(in, v), result(read),
                                  log_sums.data(), result(d), part(gradients.data(), 0),
                                  part(gradients.data(), k), part(gradients.data(), v));
  }

  AttentionShape shape;
  std::int64_t width, longest;
  std::vector<float> qkv, dout, out, log_sums, gradients;
};

/// Backward from the reference's result, as the device's forward pass is judged by itself.
template <typename T>
void expect_same(AttentionShape shape) {
  SCOPED_TRACE(testing::Message() << shape.queries << " queries, " << shape.keys << " keys, head "
                                  << shape.head_dim << ", causal " << shape.causal);
  TestDevice device;
  shape.scale = 1 / std::sqrt(static_cast<float>(shape.head_dim));
  Attention<T> want(shape);
  want.run_reference();
  const auto qkv = on_device<T>(want.qkv), dout = on_device<T>(want.dout);
  const DeviceArray<T> out(want.out.size());
  const auto gradients = on_device<T>(std::vector<float>(want.qkv.size(), 0));
  const DeviceArray<float> log_sums(want.log_sums.size());
  const T *in = qkv.data(), *read = out.data(), *d = dout.data();
  const std::int64_t k = shape.heads, v = shape.heads + shape.kv_heads;
  cuda::attention_forward<T>(shape, want.part(in, 0), want.part(in, k), want.part(in, v),
                             want.result(out.data()), log_sums.data(), device.context);
  cuda::attention_backward<T>(shape, want.part(in, 0), want.part(in, k), want.part(in, v),
                              want.result(read), log_sums.data(), want.result(d),
                              want.part(gradients.data(), 0), want.part(gradients.data(), k),
                              want.part(gradients.data(), v), device.context);
  const std::int64_t sums = shape.head_dim + shape.keys;
  expect_close(from_device(log_sums), want.log_sums, {.elementary = 16, .terms = sums});
  // Weights are rounded to T before they are multiplied, and so is the result that the backward
  // pass reads: errors of a unit of T in every term, of which there are some that matter.
  reference::Tolerance forward{.elementary = 16, .terms = sums};
  reference::Tolerance backward{.elementary = 16, .terms = sums + 4 * shape.queries};
  if (sizeof(T) == 2) forward = {.epsilon = kEpsilonOf<T>, .elementary = 1, .terms = 1};
  if (sizeof(T) == 2) backward = {.epsilon = kEpsilonOf<T>, .elementary = 4, .terms = 2};
  expect_stored(out, want.out, forward);
  expect_stored(gradients, want.gradients, backward);
}

const std::vector<AttentionShape>& odd_shapes() {
  static const std::vector<AttentionShape> shapes = {
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 1, .keys = 1, .head_dim = 1},
      {.batch = 2, .heads = 3, .kv_heads = 3, .queries = 7, .keys = 7, .head_dim = 5},
      {.batch = 1, .heads = 4, .kv_heads = 1, .queries = 50, .keys = 50, .head_dim = 33},
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 3, .keys = 70, .head_dim = 256},
      {.batch = 1, .heads = 2, .kv_heads = 1, .queries = 70, .keys = 33, .head_dim = 16},
  };
  return shapes;
}

TEST(AttentionOps, Fp32UnitsAgreeWithTheReference) {
  for (AttentionShape shape : odd_shapes())
    for (const bool causal : {false, true}) {
      shape.causal = causal;
      expect_same<float>(shape);
    }
}

TEST(AttentionOps, NarrowTypesOfOddHeadsFallBackToFp32Units) {
  for (AttentionShape shape : odd_shapes()) {
    shape.causal = true;
    expect_same<Bf16>(shape);
    expect_same<Fp16>(shape);
  }
}

// Several tiles of 64 and 32 with rests, heads that fill their registers and heads that do not,
// query heads that share a key head, fewer queries than keys and more.
TEST(AttentionOps, TensorCoresAgreeWithTheReference) {
  const std::vector<AttentionShape> shapes = {
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 130, .keys = 130, .head_dim = 16},
      {.batch = 2, .heads = 2, .kv_heads = 1, .queries = 40, .keys = 40, .head_dim = 64},
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 70, .keys = 20, .head_dim = 40},
      {.batch = 1, .heads = 2, .kv_heads = 1, .queries = 5, .keys = 100, .head_dim = 72},
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 65, .keys = 65, .head_dim = 128},
  };
  for (AttentionShape shape : shapes) {
    shape.causal = true;
    expect_same<Bf16>(shape);
    shape.causal = false;
    expect_same<Fp16>(shape);
  }
}

// Scores of +-2,000 overflow an exponential that is taken before the maximum is; the first two of 3
// queries see none of one key.
template <typename T>
void expect_edges() {
  TestDevice device;
  const AttentionShape steep{.batch = 1,
                             .heads = 1,
                             .kv_heads = 1,
                             .queries = 70,
                             .keys = 70,
                             .head_dim = 8,
                             .causal = true,
                             .scale = 100};
  const Attention<T> far(steep);
  const auto qkv = on_device<T>(far.qkv);
  const DeviceArray<T> out(far.out.size());
  const DeviceArray<float> log_sums(far.log_sums.size());
  const T* in = qkv.data();
  cuda::attention_forward<T>(steep, far.part(in, 0), far.part(in, 1), far.part(in, 2),
                             far.result(out.data()), log_sums.data(), device.context);
  for (const float value : from_device(out)) ASSERT_TRUE(std::isfinite(value));
  const AttentionShape blind{.batch = 1,
                             .heads = 1,
                             .kv_heads = 1,
                             .queries = 3,
                             .keys = 1,
                             .head_dim = 8,
                             .causal = true};
  const Attention<T> one(blind);
  const DeviceArray<T> dq(one.qkv.size());
  const auto dout = on_device<T>(one.dout);
  const T *read = out.data(), *d = dout.data();
  cuda::attention_forward<T>(blind, one.part(in, 0), one.part(in, 1), one.part(in, 2),
                             one.result(out.data()), log_sums.data(), device.context);
  cuda::attention_backward<T>(blind, one.part(in, 0), one.part(in, 1), one.part(in, 2),
                              one.result(read), log_sums.data(), one.result(d),
                              one.part(dq.data(), 0), one.part(dq.data(), 1),
                              one.part(dq.data(), 2), device.context);
  const auto values = from_device(out), gradients = from_device(dq);
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(values[i], 0);
  EXPECT_EQ(log_sums.values()[1], -std::numeric_limits<float>::infinity());
  // One key: its weight is 1 whatever q says.
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t i = 0; i < 8; ++i) EXPECT_NEAR(gradients[row * 24 + i], 0, 0.02);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(gradients[16 + i], from_device(dout)[16 + i]);
}

TEST(AttentionOps, SteepScoresAndBlindQueriesStayFinite) {
  expect_edges<float>();
  expect_edges<Bf16>();
  expect_edges<Fp16>();
}

TEST(AttentionOps, HeadsBeyondSharedMemoryAreRefused) {
  TestDevice device;
  const AttentionShape shape{
      .batch = 1, .heads = 1, .kv_heads = 1, .queries = 1, .keys = 1, .head_dim = 257};
  EXPECT_THROW(cuda::attention_forward<float>(shape, {}, {}, {}, {}, nullptr, device.context),
               Error);
}

}  // namespace
}  // namespace stepcast
