#include "kernels/reference/attention.h"

#include <cmath>
#include <vector>

namespace stepcast::reference {
namespace {

template <typename T>
double dot(const T* a, const T* b, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

std::int64_t keys_seen(const AttentionShape& shape, std::int64_t query) {
  if (!shape.causal) return shape.keys;
  return std::max<std::int64_t>(query + shape.keys - shape.queries + 1, 0);
}

/// Calls visit(b, head, kv_head, query).
template <typename Visit>
void for_queries(const AttentionShape& shape, Visit visit) {
  for (std::int64_t b = 0; b < shape.batch; ++b)
    for (std::int64_t head = 0; head < shape.heads; ++head)
      for (std::int64_t query = 0; query < shape.queries; ++query)
        visit(b, head, head * shape.kv_heads / shape.heads, query);
}

/// Scores of one query against the keys it sees.
template <typename T>
std::vector<double> scores(const AttentionShape& shape, const T* q, HeadsView<const T> k,
                           std::int64_t b, std::int64_t kv_head, std::int64_t query) {
  std::vector<double> result;
  for (std::int64_t key = 0; key < keys_seen(shape, query); ++key)
    result.push_back(shape.scale * dot(q, k.at(b, key, kv_head), shape.head_dim));
  return result;
}

double log_sum_exp(const std::vector<double>& scores) {
  double top = -INFINITY, sum = 0;
  for (const double score : scores) top = std::max(top, score);
  for (const double score : scores) sum += std::exp(score - top);
  return scores.empty() ? -INFINITY : top + std::log(sum);
}

/// to += factor * from.
template <typename T>
void add_scaled(double factor, const T* from, double* to, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) to[i] += factor * from[i];
}

/// A (batch, tokens, heads, d) tensor of fp64 sums, dense.
struct Sums {
  Sums(const AttentionShape& shape, std::int64_t token_count, std::int64_t head_count)
      : tokens(token_count),
        heads(head_count),
        d(shape.head_dim),
        values(static_cast<std::size_t>(shape.batch * tokens * heads * d)) {}
  HeadsView<double> view() { return {values.data(), tokens * heads * d, heads * d, d}; }
  template <typename T>
  void write(const AttentionShape& shape, HeadsView<T> to) {
    for (std::int64_t b = 0; b < shape.batch; ++b)
      for (std::int64_t t = 0; t < tokens; ++t)
        for (std::int64_t h = 0; h < heads; ++h)
          for (std::int64_t i = 0; i < d; ++i)
            to.at(b, t, h)[i] = static_cast<T>(view().at(b, t, h)[i]);
  }

  std::int64_t tokens, heads, d;
  std::vector<double> values;
};

}  // namespace

template <typename T>
void attention_forward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                       HeadsView<const T> v, HeadsView<T> out, T* log_sums) {
  Sums result(shape, shape.queries, shape.heads);
  for_queries(shape, [&](auto b, auto head, auto kv_head, auto query) {
    const auto score = scores(shape, q.at(b, query, head), k, b, kv_head, query);
    const double log_sum = log_sum_exp(score);
    for (std::size_t key = 0; key < score.size(); ++key)
      add_scaled(std::exp(score[key] - log_sum), v.at(b, key, kv_head),
                 result.view().at(b, query, head), shape.head_dim);
    log_sums[(b * shape.heads + head) * shape.queries + query] = static_cast<T>(log_sum);
  });
  result.write(shape, out);
}

template <typename T>
void attention_backward(const AttentionShape& shape, HeadsView<const T> q, HeadsView<const T> k,
                        HeadsView<const T> v, HeadsView<const T> out, const T* log_sums,
                        HeadsView<const T> dout, HeadsView<T> dq, HeadsView<T> dk,
                        HeadsView<T> dv) {
  const std::int64_t d = shape.head_dim;
  Sums q_sums(shape, shape.queries, shape.heads);
  Sums k_sums(shape, shape.keys, shape.kv_heads), v_sums(shape, shape.keys, shape.kv_heads);
  for_queries(shape, [&](auto b, auto head, auto kv_head, auto query) {
    const T* q_row = q.at(b, query, head);
    const T* dout_row = dout.at(b, query, head);
    const auto score = scores(shape, q_row, k, b, kv_head, query);
    const double log_sum = log_sums[(b * shape.heads + head) * shape.queries + query];
    const double expected = dot(out.at(b, query, head), dout_row, d);  // sum of p * dp
    for (std::size_t key = 0; key < score.size(); ++key) {
      const double p = std::exp(score[key] - log_sum);
      const double dp = dot(dout_row, v.at(b, key, kv_head), d);
      const double dscore = shape.scale * p * (dp - expected);
      add_scaled(p, dout_row, v_sums.view().at(b, key, kv_head), d);
      add_scaled(dscore, q_row, k_sums.view().at(b, key, kv_head), d);
      add_scaled(dscore, k.at(b, key, kv_head), q_sums.view().at(b, query, head), d);
    }
  });
  q_sums.write(shape, dq);
  k_sums.write(shape, dk);
  v_sums.write(shape, dv);
}

#define STEPCAST_INSTANTIATE(T)                                                                   \
  template void attention_forward(const AttentionShape&, HeadsView<const T>, HeadsView<const T>,  \
                                  HeadsView<const T>, HeadsView<T>, T*);                          \
  template void attention_backward(const AttentionShape&, HeadsView<const T>, HeadsView<const T>, \
                                   HeadsView<const T>, HeadsView<const T>, const T*,              \
                                   HeadsView<const T>, HeadsView<T>, HeadsView<T>, HeadsView<T>);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
