// Matrix products and fused attention.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/live/reference_access.h"
#include "kernels/live/reference_launchers.h"
#include "sim/compute/dims.h"

namespace stepcast {

void reference_gemm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3],
                    &row_maximum = launch.operands[4];
  const auto [m, n, k, batch] = product_dims(launch.kernel);
  for (std::int64_t i = 0; i < m; ++i) {
    double largest = -std::numeric_limits<double>::infinity();
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = bias ? get(bias, 0, j) : 0;
      for (std::int64_t l = 0; l < k; ++l) sum += get(x, i, l) * get(weight, j, l);
      put(y, i, j, sum);
      largest = std::max(largest, sum);
    }
    if (row_maximum) put(row_maximum, 0, i, largest);
  }
}

void reference_gemm_dgrad(const Launch& launch) {
  const LiveOperand &dy = launch.operands[0], &weight = launch.operands[1],
                    &dx = launch.operands[2];
  const auto [m, n, k, batch] = product_dims(launch.kernel);
  for (std::int64_t i = 0; i < m; ++i)
    for (std::int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) sum += get(dy, i, l) * get(weight, l, j);
      put(dx, i, j, sum);
    }
}

void reference_gemm_wgrad(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &dy = launch.operands[1],
                    &dweight = launch.operands[2], &dbias = launch.operands[3];
  const auto [m, n, k, batch] = product_dims(launch.kernel);
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) {
      double sum = 0;
      for (std::int64_t l = 0; l < k; ++l) sum += get(dy, l, j) * get(x, l, i);
      put(dweight, j, i, sum);
    }
    double column = 0;
    for (std::int64_t l = 0; l < k; ++l) column += get(dy, l, j);
    if (dbias) put(dbias, 0, j, column);
  }
}

void reference_batched_gemm(const Launch& launch) {
  const LiveOperand &a = launch.operands[0], &b = launch.operands[1], &result = launch.operands[2];
  const auto [m, n, k, batch] = product_dims(launch.kernel);
  for (std::int64_t matrix = 0; matrix < batch; ++matrix)
    for (std::int64_t i = 0; i < m; ++i)
      for (std::int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (std::int64_t l = 0; l < k; ++l) sum += get(a, matrix, i, l) * get(b, matrix, l, j);
        put(result, matrix, i, j, sum);
      }
}

namespace {

/// Keys that query i sees: the last query sees them all.
std::int64_t visible(const Kernel& kernel, std::int64_t i) {
  const std::int64_t queries = kernel.dims[3], keys = kernel.dims[4];
  return kernel.causal ? std::clamp<std::int64_t>(i + 1 + keys - queries, 0, keys) : keys;
}

double dot(const LiveOperand& a, std::int64_t row_a, const LiveOperand& b, std::int64_t row_b,
           std::int64_t matrix, std::int64_t count) {
  double sum = 0;
  for (std::int64_t c = 0; c < count; ++c)
    sum += get(a, matrix, row_a, c) * get(b, matrix, row_b, c);
  return sum;
}

}  // namespace

void reference_attention_forward(const Launch& launch) {
  const LiveOperand &q = launch.operands[0], &k = launch.operands[1], &v = launch.operands[2],
                    &o = launch.operands[3], &log_sum = launch.operands[4];
  const auto [batch, heads, kv_heads, queries, keys, dim] = attention_dims(launch.kernel);
  for (std::int64_t matrix = 0; matrix < batch * heads; ++matrix)
    for (std::int64_t i = 0; i < queries; ++i) {
      const std::int64_t seen = visible(launch.kernel, i);
      std::vector<double> p(static_cast<std::size_t>(seen));
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t j = 0; j < seen; ++j) {
        double& score = p[static_cast<std::size_t>(j)];
        score = launch.arguments.scale * dot(q, i, k, j, matrix, dim);
        largest = std::max(largest, score);
      }
      for (double& score : p) sum += score = std::exp(score - largest);
      put(log_sum, matrix, i, largest + std::log(sum));
      for (std::int64_t c = 0; c < dim; ++c) {
        double value = 0;
        for (std::int64_t j = 0; j < seen; ++j)
          value += p[static_cast<std::size_t>(j)] * get(v, matrix, j, c);
        put(o, matrix, i, c, value / sum);
      }
    }
}

/// ds = p * (do v' - do o) * scale; dq = ds k, dk = ds' q, dv = p' do.
void reference_attention_backward(const Launch& launch) {
  const auto [batch, heads, kv_heads, queries, keys, dim] = attention_dims(launch.kernel);
  const auto operand = [&](std::size_t i) -> const LiveOperand& { return launch.operands[i]; };
  const LiveOperand &q = operand(0), &k = operand(1), &v = operand(2), &o = operand(3),
                    &log_sum = operand(4), &dout = operand(5);
  const auto size = static_cast<std::size_t>(keys * dim);
  for (std::int64_t matrix = 0; matrix < batch * heads; ++matrix) {
    std::vector<double> dk(size, 0), dv(size, 0);
    for (std::int64_t i = 0; i < queries; ++i) {
      std::vector<double> dq(static_cast<std::size_t>(dim), 0);
      const double mean = dot(dout, i, o, i, matrix, dim);
      for (std::int64_t j = 0; j < visible(launch.kernel, i); ++j) {
        const double score = launch.arguments.scale * dot(q, i, k, j, matrix, dim);
        const double p = std::exp(score - get(log_sum, matrix, i));
        const double ds = p * (dot(dout, i, v, j, matrix, dim) - mean) * launch.arguments.scale;
        for (std::int64_t c = 0; c < dim; ++c) {
          const auto at = static_cast<std::size_t>(j * dim + c);
          dq[static_cast<std::size_t>(c)] += ds * get(k, matrix, j, c);
          dk[at] += ds * get(q, matrix, i, c);
          dv[at] += p * get(dout, matrix, i, c);
        }
      }
      for (std::int64_t c = 0; c < dim; ++c)
        put(operand(6), matrix, i, c, dq[static_cast<std::size_t>(c)]);
    }
    for (std::int64_t j = 0; j < keys; ++j)
      for (std::int64_t c = 0; c < dim; ++c) {
        put(operand(7), matrix, j, c, dk[static_cast<std::size_t>(j * dim + c)]);
        put(operand(8), matrix, j, c, dv[static_cast<std::size_t>(j * dim + c)]);
      }
  }
}

}  // namespace stepcast
