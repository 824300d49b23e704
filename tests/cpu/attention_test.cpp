#include "kernels/reference/attention.h"

#include <limits>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/softmax.h"
#include "tests/support/tensors.h"

namespace stepcast {
namespace {

/// Tensors of one attention, q, k and v in rows of their own.
struct Tensors {
  explicit Tensors(const AttentionShape& wanted)
      : shape(wanted),
        q(random_values(shape.batch * shape.queries * shape.heads * shape.head_dim, 1)),
        k(random_values(shape.batch * shape.keys * shape.kv_heads * shape.head_dim, 2)),
        v(random_values(static_cast<std::int64_t>(k.size()), 3)),
        out(q.size()),
        log_sums(static_cast<std::size_t>(shape.batch * shape.heads * shape.queries)),
        dout(random_values(static_cast<std::int64_t>(q.size()), 4)),
        dq(q.size(), NAN),  // all of these are overwritten
        dk(k.size(), NAN),
        dv(k.size(), NAN) {}

  template <typename T>
  HeadsView<T> of_queries(T* data) const {
    const std::int64_t width = shape.heads * shape.head_dim;
    return {data, shape.queries * width, width, shape.head_dim};
  }
  template <typename T>
  HeadsView<T> of_keys(T* data) const {
    const std::int64_t width = shape.kv_heads * shape.head_dim;
    return {data, shape.keys * width, width, shape.head_dim};
  }
  HeadsView<const float> query() const { return of_queries(q.data()); }
  HeadsView<const float> key() const { return of_keys(k.data()); }
  HeadsView<const float> value() const { return of_keys(v.data()); }
  HeadsView<const float> result() const { return of_queries(out.data()); }
  HeadsView<const float> result_gradient() const { return of_queries(dout.data()); }

  AttentionShape shape;
  std::vector<float> q, k, v, out, log_sums, dout, dq, dk, dv;
};

void run_cpu(Tensors& t) {
  cpu::attention_forward(t.shape, t.query(), t.key(), t.value(), t.of_queries(t.out.data()),
                         t.log_sums.data());
  cpu::attention_backward(t.shape, t.query(), t.key(), t.value(), t.result(), t.log_sums.data(),
                          t.result_gradient(), t.of_queries(t.dq.data()), t.of_keys(t.dk.data()),
                          t.of_keys(t.dv.data()));
}

void run_reference(Tensors& t) {
  reference::attention_forward(t.shape, t.query(), t.key(), t.value(), t.of_queries(t.out.data()),
                               t.log_sums.data());
  reference::attention_backward(t.shape, t.query(), t.key(), t.value(), t.result(),
                                t.log_sums.data(), t.result_gradient(), t.of_queries(t.dq.data()),
                                t.of_keys(t.dk.data()), t.of_keys(t.dv.data()));
}

std::vector<AttentionShape> shapes() {
  return {
      {.batch = 1, .heads = 1, .kv_heads = 1, .queries = 1, .keys = 1, .head_dim = 1},
      {.batch = 2, .heads = 3, .kv_heads = 3, .queries = 7, .keys = 7, .head_dim = 5},
      {.batch = 1, .heads = 4, .kv_heads = 2, .queries = 64, .keys = 64, .head_dim = 64},
      {.batch = 2, .heads = 4, .kv_heads = 1, .queries = 129, .keys = 129, .head_dim = 33},
      {.batch = 1, .heads = 2, .kv_heads = 2, .queries = 33, .keys = 200, .head_dim = 16},
      {.batch = 1, .heads = 2, .kv_heads = 1, .queries = 200, .keys = 70, .head_dim = 16},
  };
}

TEST(Attention, ForwardAndBackwardAgreeWithTheReference) {
  for (AttentionShape shape : shapes())
    for (const bool causal : {false, true}) {
      SCOPED_TRACE(testing::Message() << shape.queries << " queries, causal " << causal);
      shape.causal = causal;
      shape.scale = 1 / std::sqrt(static_cast<float>(shape.head_dim));
      Tensors got(shape), want(shape);
      run_cpu(got);
      run_reference(want);
      const std::int64_t sums = shape.head_dim + shape.keys;
      expect_close(got.out, want.out, {.terms = sums});
      expect_close(got.log_sums, want.log_sums, {.terms = sums});
      expect_close(got.dq, want.dq, {.elementary = 16, .terms = sums});
      expect_close(got.dk, want.dk, {.elementary = 16, .terms = shape.queries * 4});
      expect_close(got.dv, want.dv, {.elementary = 16, .terms = shape.queries * 4});
    }
}

TEST(Attention, QueriesThatSeeNothingGiveZeros) {
  // 3 queries, 1 key: only the last query sees it.
  Tensors t({.batch = 1,
             .heads = 1,
             .kv_heads = 1,
             .queries = 3,
             .keys = 1,
             .head_dim = 2,
             .causal = true});
  run_cpu(t);
  EXPECT_EQ(t.out, (std::vector<float>{0, 0, 0, 0, t.v[0], t.v[1]}));
  EXPECT_EQ(t.log_sums[0], -std::numeric_limits<float>::infinity());
  EXPECT_EQ(t.dq, (std::vector<float>(6, 0.0f)));  // one key: its weight is 1 whatever q says
}

// Scores of +-2,000 overflow an exponential that is taken before the maximum is.
TEST(Attention, LargeScoresStayFinite) {
  AttentionShape shape{.batch = 1,
                       .heads = 1,
                       .kv_heads = 1,
                       .queries = 70,
                       .keys = 70,
                       .head_dim = 8,
                       .causal = true,
                       .scale = 100};
  Tensors got(shape), want(shape);
  run_cpu(got);
  run_reference(want);
  // A score of size s is off by s ulps, and so is the logarithm of its exponential.
  expect_close(got.out, want.out, {.elementary = 8 * 2000});
}

TEST(Attention, ProjectionOfAllThreeGivesTheSameAsSeparateRows) {
  const AttentionShape shape{.batch = 2,
                             .heads = 4,
                             .kv_heads = 2,
                             .queries = 65,
                             .keys = 65,
                             .head_dim = 8,
                             .causal = true,
                             .scale = 0.35f};
  Tensors t(shape);
  run_cpu(t);
  const std::int64_t width = (4 + 2 + 2) * 8, tokens = 2 * 65;
  std::vector<float> qkv(tokens * width);
  for (std::int64_t row = 0; row < tokens; ++row) {
    std::copy_n(t.q.data() + row * 32, 32, qkv.data() + row * width);
    std::copy_n(t.k.data() + row * 16, 16, qkv.data() + row * width + 32);
    std::copy_n(t.v.data() + row * 16, 16, qkv.data() + row * width + 48);
  }
  const auto part = [&](std::int64_t first) {
    return HeadsView<const float>{qkv.data() + first, 65 * width, width, 8};
  };
  std::vector<float> out(t.out.size()), log_sums(t.log_sums.size());
  cpu::attention_forward(shape, part(0), part(32), part(48), t.of_queries(out.data()),
                         log_sums.data());
  EXPECT_EQ(out, t.out);
  EXPECT_EQ(log_sums, t.log_sums);
}

TEST(Attention, UnfusedGivesTheSameValues) {
  const AttentionShape shape{.batch = 2,
                             .heads = 4,
                             .kv_heads = 2,
                             .queries = 33,
                             .keys = 33,
                             .head_dim = 16,
                             .causal = true,
                             .scale = 0.25f};
  Tensors t(shape);
  run_cpu(t);
  const std::int64_t s = 33, d = 16, scores = s * s;
  std::vector<float> p(2 * 4 * scores), out(t.out.size());
  const BatchStride of_heads{.outer = s * 4 * d, .inner = d};
  const BatchStride of_kv_heads{.outer = s * 2 * d, .inner = d, .share = 2};
  const BatchStride of_scores{.outer = 4 * scores, .inner = scores};
  cpu::gemm({.m = s,
             .n = s,
             .k = d,
             .transpose_b = true,
             .lda = 4 * d,
             .ldb = 2 * d,
             .outer = 2,
             .inner = 4,
             .a = of_heads,
             .b = of_kv_heads,
             .c = of_scores},
            t.q.data(), t.k.data(), p.data());
  cpu::softmax_forward(
      {.matrices = 8, .queries = s, .keys = s, .causal = true, .scale = shape.scale}, p.data(),
      p.data());
  cpu::gemm({.m = s,
             .n = d,
             .k = s,
             .ldb = 2 * d,
             .ldc = 4 * d,
             .outer = 2,
             .inner = 4,
             .a = of_scores,
             .b = of_kv_heads,
             .c = of_heads},
            p.data(), t.v.data(), out.data());
  expect_close(out, t.out, {.terms = s});
}

TEST(Attention, NarrowTensorsGiveTheRoundedResultsOfFp32) {
  const AttentionShape shape{.batch = 2,
                             .heads = 4,
                             .kv_heads = 2,
                             .queries = 33,
                             .keys = 40,
                             .head_dim = 16,
                             .causal = true,
                             .scale = 0.25f};
  Tensors t(shape);
  for (std::vector<float>* x : {&t.q, &t.k, &t.v, &t.dout}) *x = widened(rounded(*x));
  run_cpu(t);
  const auto q = rounded(t.q), k = rounded(t.k), v = rounded(t.v), dout = rounded(t.dout);
  std::vector<Bf16> out(q.size()), dq(q.size()), dk(k.size()), dv(v.size());
  std::vector<float> log_sums(t.log_sums.size()), workspace(cpu::attention_workspace(shape));
  const auto in_q = t.of_queries(q.data());
  const auto in_k = t.of_keys(k.data()), in_v = t.of_keys(v.data());
  cpu::attention_forward(shape, in_q, in_k, in_v, t.of_queries(out.data()), log_sums.data(),
                         workspace.data());
  EXPECT_EQ(out, rounded(t.out));
  EXPECT_EQ(log_sums, t.log_sums);
  // The backward pass reads the rounded result.
  const auto in_out = t.of_queries(static_cast<const Bf16*>(out.data()));
  cpu::attention_backward(shape, in_q, in_k, in_v, in_out, log_sums.data(),
                          t.of_queries(dout.data()), t.of_queries(dq.data()), t.of_keys(dk.data()),
                          t.of_keys(dv.data()), workspace.data());
  t.out = widened(out);
  cpu::attention_backward(shape, t.query(), t.key(), t.value(), t.result(), log_sums.data(),
                          t.result_gradient(), t.of_queries(t.dq.data()), t.of_keys(t.dk.data()),
                          t.of_keys(t.dv.data()));
  EXPECT_EQ(dq, rounded(t.dq));
  EXPECT_EQ(dk, rounded(t.dk));
  EXPECT_EQ(dv, rounded(t.dv));
}

TEST(Attention, RepeatsToTheLastBit) {
  const AttentionShape shape{.batch = 1,
                             .heads = 4,
                             .kv_heads = 2,
                             .queries = 129,
                             .keys = 129,
                             .head_dim = 32,
                             .causal = true,
                             .scale = 0.2f};
  Tensors first(shape), second(shape);
  run_cpu(first);
  run_cpu(second);
  EXPECT_EQ(first.out, second.out);
  EXPECT_EQ(first.dk, second.dk);
  EXPECT_EQ(first.dq, second.dq);
}

}  // namespace
}  // namespace stepcast
