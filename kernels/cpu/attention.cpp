#include "kernels/cpu/attention.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "kernels/cpu/gemm.h"
#include "kernels/cpu/vector_math.h"

namespace stepcast::cpu {
namespace {

constexpr std::int64_t kQueryTile = 64;
constexpr std::int64_t kKeyTile = 64;
using Tile = std::array<float, kQueryTile * kKeyTile>;
using TileRows = std::array<float, kQueryTile>;

/// A block of queries of one head against a block of its keys.
struct TileShape {
  std::int64_t first_query = 0;
  std::int64_t queries = 0;
  std::int64_t first_key = 0;
  std::int64_t keys = 0;
  std::int64_t seen_of_first = 0;  ///< keys, counted from first_key, that first_query sees
  bool causal = false;

  /// Keys of the tile that its query `i` sees.
  STEPCAST_INLINE std::int64_t seen(std::int64_t i) const {
    if (!causal) return keys;
    const std::int64_t count = seen_of_first + i;
    return count < 0 ? 0 : count < keys ? count : keys;
  }
};

/// Calls visit(tile) for the tiles of `queries` queries from `first` in which any key is seen, in
/// the order of keys.
template <typename Visit>
void for_key_tiles(const AttentionShape& shape, std::int64_t first, std::int64_t queries,
                   Visit visit) {
  const std::int64_t seen_of_first = first + shape.keys - shape.queries + 1;
  const std::int64_t end =
      shape.causal ? std::min(shape.keys, seen_of_first + queries - 1) : shape.keys;
  for (std::int64_t key = 0; key < end; key += kKeyTile)
    visit(TileShape{.first_query = first,
                    .queries = queries,
                    .first_key = key,
                    .keys = std::min(kKeyTile, end - key),
                    .seen_of_first = seen_of_first - key,
                    .causal = shape.causal});
}

/// Calls visit(b, head, kv_head, first, queries) for the query tiles of all heads.
template <typename Visit>
void for_query_tiles(const AttentionShape& shape, Visit visit) {
  const std::int64_t group = shape.kv_heads ? shape.heads / shape.kv_heads : 1;
  for (std::int64_t b = 0; b < shape.batch; ++b)
    for (std::int64_t head = 0; head < shape.heads; ++head)
      for (std::int64_t first = 0; first < shape.queries; first += kQueryTile)
        visit(b, head, head / group, first, std::min(kQueryTile, shape.queries - first));
}

/// One head of q, k, v or their gradients, from some token on.
template <typename T>
struct Rows {
  T* data;
  std::int64_t stride;
};
template <typename T>
Rows<T> rows_of(HeadsView<T> view, std::int64_t b, std::int64_t token, std::int64_t head) {
  return {view.at(b, token, head), view.token};
}

/// tile (queries, keys) = alpha * rows (queries, d) others (keys, d)'.
void tile_product(const TileShape& t, std::int64_t d, float alpha, Rows<const float> rows,
                  Rows<const float> others, Tile& tile) {
  gemm({.m = t.queries,
        .n = t.keys,
        .k = d,
        .transpose_b = true,
        .lda = rows.stride,
        .ldb = others.stride,
        .ldc = kKeyTile,
        .alpha = alpha},
       rows.data, others.data, tile.data());
}

/// result (queries, d) = beta * result + tile (queries, keys) rows (keys, d).
void tile_times_rows(const TileShape& t, std::int64_t d, float beta, const Tile& tile,
                     Rows<const float> rows, Rows<float> result) {
  gemm({.m = t.queries,
        .n = d,
        .k = t.keys,
        .lda = kKeyTile,
        .ldb = rows.stride,
        .ldc = result.stride,
        .beta = beta},
       tile.data(), rows.data, result.data);
}

/// result (keys, d) += tile (queries, keys)' rows (queries, d).
void add_tile_transposed_times_rows(const TileShape& t, std::int64_t d, const Tile& tile,
                                    Rows<const float> rows, Rows<float> result) {
  gemm({.m = t.keys,
        .n = d,
        .k = t.queries,
        .transpose_a = true,
        .lda = kKeyTile,
        .ldb = rows.stride,
        .ldc = result.stride,
        .beta = 1},
       tile.data(), rows.data, result.data);
}

/// Turns scores into e^(score - highest score so far), adds their sums, and scales what earlier
/// tiles left in `sums` and `out` to the new maxima.
STEPCAST_VECTORIZED void online_softmax(const TileShape& t, std::int64_t d, Tile& scores,
                                        TileRows& maxima, TileRows& sums, Rows<float> out) {
  for (std::int64_t i = 0; i < t.queries; ++i) {
    float* p = scores.data() + i * kKeyTile;
    const std::int64_t seen = t.seen(i);
    float top = maxima[i];
#pragma omp simd reduction(max : top)
    for (std::int64_t j = 0; j < seen; ++j) top = p[j] > top ? p[j] : top;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t j = 0; j < seen; ++j) {
      p[j] = fast_exp(p[j] - top);
      sum += p[j];
    }
    for (std::int64_t j = seen; j < t.keys; ++j) p[j] = 0;
    if (t.first_key > 0 && top > maxima[i]) {
      const float correction = fast_exp(maxima[i] - top);
      sums[i] *= correction;
      float* row = out.data + i * out.stride;
      for (std::int64_t c = 0; c < d; ++c) row[c] *= correction;
    }
    sums[i] += sum;
    maxima[i] = top;
  }
}

STEPCAST_VECTORIZED void scale_rows(std::int64_t rows, std::int64_t d, const TileRows& sums,
                                    Rows<float> out) {
  for (std::int64_t i = 0; i < rows; ++i) {
    const float factor = sums[i] > 0 ? 1 / sums[i] : 0;
    float* row = out.data + i * out.stride;
    for (std::int64_t c = 0; c < d; ++c) row[c] *= factor;
  }
}

void fill_zero(std::int64_t rows, std::int64_t d, Rows<float> result) {
  for (std::int64_t i = 0; i < rows; ++i) std::fill_n(result.data + i * result.stride, d, 0.0f);
}

/// Scores to probabilities, from the log-sums that forward kept.
STEPCAST_VECTORIZED void probabilities(const TileShape& t, const float* log_sums, Tile& scores) {
  for (std::int64_t i = 0; i < t.queries; ++i) {
    float* p = scores.data() + i * kKeyTile;
    const std::int64_t seen = t.seen(i);
    for (std::int64_t j = 0; j < seen; ++j) p[j] = fast_exp(p[j] - log_sums[i]);
    for (std::int64_t j = seen; j < t.keys; ++j) p[j] = 0;
  }
}

/// dp becomes the gradient of the product q k': scale * p * (dp - dot).
STEPCAST_VECTORIZED void score_gradients(const TileShape& t, float scale, const Tile& p,
                                         const TileRows& dots, Tile& dp) {
  for (std::int64_t i = 0; i < t.queries; ++i)
    for (std::int64_t j = i * kKeyTile; j < i * kKeyTile + t.keys; ++j)
      dp[j] = scale * p[j] * (dp[j] - dots[i]);
}

/// dots[i] = out row i . dout row i, which is the sum of p * dp over the keys.
STEPCAST_VECTORIZED void row_dots(std::int64_t rows, std::int64_t d, Rows<const float> out,
                                  Rows<const float> dout, TileRows& dots) {
  for (std::int64_t i = 0; i < rows; ++i) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (std::int64_t c = 0; c < d; ++c)
      sum += out.data[i * out.stride + c] * dout.data[i * dout.stride + c];
    dots[i] = sum;
  }
}

}  // namespace

void attention_forward(const AttentionShape& shape, HeadsView<const float> q,
                       HeadsView<const float> k, HeadsView<const float> v, HeadsView<float> out,
                       float* log_sums) {
  const std::int64_t d = shape.head_dim;
  alignas(64) Tile scores;
  TileRows maxima, sums;
  for_query_tiles(shape, [&](auto b, auto head, auto kv_head, auto first, auto queries) {
    maxima.fill(std::numeric_limits<float>::lowest());
    sums.fill(0);
    const Rows<float> result = rows_of(out, b, first, head);
    bool any = false;
    for_key_tiles(shape, first, queries, [&](const TileShape& t) {
      tile_product(t, d, shape.scale, rows_of(q, b, first, head),
                   rows_of(k, b, t.first_key, kv_head), scores);
      online_softmax(t, d, scores, maxima, sums, result);
      tile_times_rows(t, d, any ? 1.0f : 0.0f, scores, rows_of(v, b, t.first_key, kv_head), result);
      any = true;
    });
    if (!any) fill_zero(queries, d, result);
    scale_rows(queries, d, sums, result);
    float* kept = log_sums + (b * shape.heads + head) * shape.queries + first;
    for (std::int64_t i = 0; i < queries; ++i)
      kept[i] =
          sums[i] > 0 ? maxima[i] + std::log(sums[i]) : -std::numeric_limits<float>::infinity();
  });
}

void attention_backward(const AttentionShape& shape, HeadsView<const float> q,
                        HeadsView<const float> k, HeadsView<const float> v,
                        HeadsView<const float> out, const float* log_sums,
                        HeadsView<const float> dout, HeadsView<float> dq, HeadsView<float> dk,
                        HeadsView<float> dv) {
  const std::int64_t d = shape.head_dim;
  for (std::int64_t b = 0; b < shape.batch; ++b)
    for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
      fill_zero(shape.keys, d, rows_of(dk, b, 0, head));
      fill_zero(shape.keys, d, rows_of(dv, b, 0, head));
    }
  alignas(64) Tile p, dp;
  TileRows dots;
  for_query_tiles(shape, [&](auto b, auto head, auto kv_head, auto first, auto queries) {
    const Rows<const float> query_rows = rows_of(q, b, first, head);
    const Rows<const float> dout_rows = rows_of(dout, b, first, head);
    const Rows<float> dq_rows = rows_of(dq, b, first, head);
    row_dots(queries, d, rows_of(out, b, first, head), dout_rows, dots);
    fill_zero(queries, d, dq_rows);
    for_key_tiles(shape, first, queries, [&](const TileShape& t) {
      const Rows<const float> key_rows = rows_of(k, b, t.first_key, kv_head);
      tile_product(t, d, shape.scale, query_rows, key_rows, p);
      probabilities(t, log_sums + (b * shape.heads + head) * shape.queries + first, p);
      tile_product(t, d, 1, dout_rows, rows_of(v, b, t.first_key, kv_head), dp);
      add_tile_transposed_times_rows(t, d, p, dout_rows, rows_of(dv, b, t.first_key, kv_head));
      score_gradients(t, shape.scale, p, dots, dp);
      tile_times_rows(t, d, 1, dp, key_rows, dq_rows);
      add_tile_transposed_times_rows(t, d, dp, query_rows, rows_of(dk, b, t.first_key, kv_head));
    });
  });
}

}  // namespace stepcast::cpu
