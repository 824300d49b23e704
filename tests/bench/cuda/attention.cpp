// Our fused attention beside cuDNN's, causal, bf16. 16,384 tokens in sequences of three lengths, 32
// heads of 64 or 128, with keys' heads of their own or one for four. Half of the scores of a causal
// mask are products of two (forward) or five (backward) matrices [Dao 2023, section 4.1].
#include "kernels/ops/attention.h"

#include <array>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "sim/base/error.h"
#include "tests/bench/cuda/cases.h"
#include "tests/bench/cuda/cudnn_attention.h"

namespace stepcast::bench {
namespace {

constexpr std::int64_t kHeads = 32;

/// Of the differences of two results in bf16, whose numbers are 2^-9 off each and whose
/// probabilities were rounded as well, in other orders.
constexpr double kTolerance = 0.02;

std::int64_t q_elements(const AttentionShape& s) {
  return s.batch * s.queries * s.heads * s.head_dim;
}
std::int64_t kv_elements(const AttentionShape& s) {
  return s.batch * s.keys * s.kv_heads * s.head_dim;
}

/// Where both find and leave their tensors: q, k, v are read, out and log_sums are ours.
AttentionOperands operands(const Bench& b) {
  return {.q = b.z.data(),
          .k = b.z.data() + kElements,
          .v = b.z.data() + 2 * kElements,
          .out = b.y.data(),
          .log_sums = b.rows.data(),
          .dout = b.x.data(),
          .dq = b.result.data(),
          .dk = b.result.data() + kElements,
          .dv = b.result.data() + 2 * kElements,
          .dq_sums = b.g.data(),
          .row_sums = b.more_rows.data()};
}

template <typename T>
HeadsView<T> view(T* data, std::int64_t tokens, std::int64_t heads, std::int64_t head_dim) {
  return {data, tokens * heads * head_dim, heads * head_dim, head_dim};
}

struct Views {
  HeadsView<const Bf16> q, k, v, out, dout;
  HeadsView<Bf16> to_out, dq, dk, dv;

  Views(const AttentionShape& s, const Bench& b) {
    const auto of_q = [&](auto* data) { return view(data, s.queries, s.heads, s.head_dim); };
    const auto of_k = [&](auto* data) { return view(data, s.keys, s.kv_heads, s.head_dim); };
    const Bf16 *z = b.z.data(), *y = b.y.data(), *x = b.x.data();
    q = of_q(z), k = of_k(z + kElements), v = of_k(z + 2 * kElements);
    out = of_q(y), to_out = of_q(b.y.data()), dout = of_q(x);
    dq = of_q(b.result.data());
    dk = of_k(b.result.data() + kElements), dv = of_k(b.result.data() + 2 * kElements);
  }
};

void forward(const AttentionShape& s, Bench& b) {
  const Views w(s, b);
  cuda::attention_forward<Bf16>(s, w.q, w.k, w.v, w.to_out, b.rows.data(), b.context);
}

void backward(const AttentionShape& s, Bench& b) {
  const Views w(s, b);
  cuda::attention_backward<Bf16>(s, w.q, w.k, w.v, w.out, b.rows.data(), w.dout, w.dq, w.dk, w.dv,
                                 b.context);
}

/// cuDNN's, planned at first use.
class CudnnAttention {
 public:
  CudnnAttention(const AttentionShape& shape, bool backward) : shape_(shape), backward_(backward) {}

  void run(Bench& b) {
    if (!graph_) {
      CudnnGraph graph = backward_ ? attention_backward_graph(shape_, operands(b))
                                   : attention_forward_graph(shape_, operands(b));
      graph.plan(properties_of_device());
      graph_.emplace(std::move(graph));
    }
    graph_->execute(b.context.library<CudnnHandle>().get(),
                    b.context.scratch(graph_->workspace_bytes()));
  }

 private:
  AttentionShape shape_;
  bool backward_;
  std::optional<CudnnGraph> graph_;
};

std::vector<float> read(const Bench& b, const Bf16* data, std::int64_t n) {
  std::vector<Bf16> bits(static_cast<std::size_t>(n));
  copy_bytes(data, bits.data(), bits.size() * sizeof(Bf16), b.stream.handle());
  b.stream.synchronize();
  std::vector<float> values(bits.size());
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = widened(bits[i]);
  return values;
}

/// What one of the two leaves, with nothing there before.
std::vector<std::vector<float>> results_of(Bench& b, const AttentionShape& s, bool of_backward,
                                           const Run& run) {
  const std::size_t all = kElements * sizeof(Bf16);
  if (of_backward)
    fill_zero(b.result.data(), 3 * all, b.stream.handle());
  else
    fill_zero(b.y.data(), all, b.stream.handle());
  run(b);
  if (!of_backward) return {read(b, b.y.data(), q_elements(s))};
  return {read(b, b.result.data(), q_elements(s)),
          read(b, b.result.data() + kElements, kv_elements(s)),
          read(b, b.result.data() + 2 * kElements, kv_elements(s))};
}

/// Norm of the difference over that of the second; NaN where a result has one.
double difference(const std::vector<float>& one, const std::vector<float>& other) {
  double square = 0, whole = 0;
  for (std::size_t i = 0; i < one.size(); ++i) {
    const double apart = static_cast<double>(one[i]) - static_cast<double>(other[i]);
    square += apart * apart;
    whole += static_cast<double>(other[i]) * static_cast<double>(other[i]);
  }
  return std::sqrt(square / whole);
}

void check_same(Bench& b, const AttentionShape& s, bool of_backward, const Run& ours,
                const Run& theirs) {
  if (of_backward) forward(s, b);  // out and log_sums, for both
  const auto one = results_of(b, s, of_backward, ours);
  const auto other = results_of(b, s, of_backward, theirs);
  const std::array<const char*, 3> names = {of_backward ? "dq" : "out", "dk", "dv"};
  for (std::size_t i = 0; i < one.size(); ++i)
    if (const double apart = difference(one[i], other[i]); !(apart <= kTolerance))
      throw Error(ErrorKind::kLiveRank, std::string("our attention and cuDNN's differ: ") +
                                            names[i] + " by " + std::to_string(apart) +
                                            " of its norm, where " + std::to_string(kTolerance) +
                                            " is allowed");
}

/// Beside cuDNN's, or alone: so that the rate of ours is known where cuDNN refuses.
void add_case(Bench& bench, const AttentionShape& s, bool of_backward, bool alone) {
  const double product = 2.0 * static_cast<double>(q_elements(s) * s.keys) / 2;
  const Run ours = [s, of_backward](Bench& b) { of_backward ? backward(s, b) : forward(s, b); };
  Case one{.name = std::string("flash_attention_") + (of_backward ? "backward" : "forward") + ", " +
                   std::to_string(s.queries) + " tokens, heads of " + std::to_string(s.head_dim) +
                   ", keys of " + std::to_string(s.kv_heads) + (alone ? ", alone" : ""),
           .flops = (of_backward ? 5 : 2) * product};
  if (!alone) {
    const auto cudnn = std::make_shared<CudnnAttention>(s, of_backward);
    one.ratio = "of_cudnn";
    one.reference = [cudnn](Bench& b) { cudnn->run(b); };
    one.check = [s, of_backward, ours, theirs = one.reference](Bench& b) {
      check_same(b, s, of_backward, ours, theirs);
    };
  } else if (of_backward) {
    one.check = [s](Bench& b) { forward(s, b); };  // leaves out and log_sums
  }
  add(bench, one, ours);
}

AttentionShape shape_of(std::int64_t length, std::int64_t kv_heads, std::int64_t head_dim) {
  return {.batch = kTokens / length,
          .heads = kHeads,
          .kv_heads = kv_heads,
          .queries = length,
          .keys = length,
          .head_dim = head_dim,
          .causal = true,
          .scale = 1 / std::sqrt(static_cast<float>(head_dim))};
}

}  // namespace

void add_attention(Bench& bench) {
  for (const bool of_backward : {false, true}) {
    for (const std::int64_t head_dim : {64, 128})
      for (const std::int64_t kv_heads : {kHeads, kHeads / 4})
        for (const std::int64_t length : {2048, 4096, 8192})
          add_case(bench, shape_of(length, kv_heads, head_dim), of_backward, false);
    add_case(bench, shape_of(4096, kHeads, 128), of_backward, true);
  }
}

}  // namespace stepcast::bench
