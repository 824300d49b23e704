// Kernels that work through rows: softmax, norms, embedding, loss.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "kernels/live/reference_access.h"
#include "kernels/live/reference_launchers.h"

namespace stepcast {
namespace {

constexpr double kNormEpsilon = 1e-5;

/// Mean (0 for an RMS norm) and one over the deviation of a row.
struct Statistics {
  double mean = 0;
  double scale = 0;
};

Statistics statistics_of(const LiveOperand& x, std::int64_t row, bool centred) {
  const auto width = static_cast<double>(x.layout.columns);
  Statistics result;
  double squares = 0;
  for (std::int64_t c = 0; centred && c < x.layout.columns; ++c) result.mean += get(x, row, c);
  result.mean /= width;
  for (std::int64_t c = 0; c < x.layout.columns; ++c) {
    const double d = get(x, row, c) - result.mean;
    squares += d * d;
  }
  result.scale = 1 / std::sqrt(squares / width + kNormEpsilon);
  return result;
}

void norm_forward(const Launch& launch, bool centred) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3];
  for (std::int64_t r = 0; r < x.layout.rows; ++r) {
    const Statistics s = statistics_of(x, r, centred);
    for (std::int64_t c = 0; c < x.layout.columns; ++c)
      put(y, r, c,
          (get(x, r, c) - s.mean) * s.scale * get(weight, 0, c) + (bias ? get(bias, 0, c) : 0));
  }
}

void norm_backward(const Launch& launch, bool centred) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1], &dy = launch.operands[2],
                    &dx = launch.operands[3], &dweight = launch.operands[4],
                    &dbias = launch.operands[5];
  const std::int64_t width = x.layout.columns;
  std::vector<double> weights(static_cast<std::size_t>(width), 0), biases = weights;
  for (std::int64_t r = 0; r < x.layout.rows; ++r) {
    const Statistics s = statistics_of(x, r, centred);
    double mean = 0, product = 0;  // of the gradient of the normalised row
    for (std::int64_t c = 0; c < width; ++c) {
      const double g = get(dy, r, c) * get(weight, 0, c);
      const double normal = (get(x, r, c) - s.mean) * s.scale;
      mean += centred ? g : 0;
      product += g * normal;
      weights[static_cast<std::size_t>(c)] += get(dy, r, c) * normal;
      biases[static_cast<std::size_t>(c)] += get(dy, r, c);
    }
    mean /= static_cast<double>(width);
    product /= static_cast<double>(width);
    for (std::int64_t c = 0; c < width; ++c) {
      const double normal = (get(x, r, c) - s.mean) * s.scale;
      put(dx, r, c, s.scale * (get(dy, r, c) * get(weight, 0, c) - mean - normal * product));
    }
  }
  for (std::int64_t c = 0; c < width; ++c) {
    put(dweight, 0, c, weights[static_cast<std::size_t>(c)]);
    if (dbias) put(dbias, 0, c, biases[static_cast<std::size_t>(c)]);
  }
}

/// Column of the whole vocabulary that this rank's first column is.
std::int64_t first_word(const Launch& launch, std::int64_t held) { return launch.index * held; }

}  // namespace

void reference_layer_norm_forward(const Launch& launch) { norm_forward(launch, true); }
void reference_layer_norm_backward(const Launch& launch) { norm_backward(launch, true); }
void reference_rms_norm_forward(const Launch& launch) { norm_forward(launch, false); }
void reference_rms_norm_backward(const Launch& launch) { norm_backward(launch, false); }

/// Nothing is dropped: every element of the mask is 1.
void reference_softmax_forward(const Launch& launch) {
  const LiveOperand &scores = launch.operands[0], &probabilities = launch.operands[1],
                    &mask = launch.operands[2], &dropped = launch.operands[3];
  const std::int64_t width = scores.layout.columns;
  for (std::int64_t r = 0; r < scores.layout.rows; ++r) {
    const std::int64_t seen = launch.arguments.causal ? r % launch.arguments.sequence + 1 : width;
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::int64_t c = 0; c < seen; ++c)
      largest = std::max(largest, launch.arguments.scale * get(scores, r, c));
    for (std::int64_t c = 0; c < seen; ++c)
      sum += std::exp(launch.arguments.scale * get(scores, r, c) - largest);
    for (std::int64_t c = 0; c < width; ++c) {
      const double score = launch.arguments.scale * get(scores, r, c);
      const double p = c < seen ? std::exp(score - largest) / sum : 0;
      put(probabilities, r, c, p);
      if (mask) mask.bytes()[element_at(mask.layout, 0, r, c)] = 1;
      if (dropped) put(dropped, r, c, p);
    }
  }
}

void reference_softmax_backward(const Launch& launch) {
  const LiveOperand &p = launch.operands[0], &mask = launch.operands[1], &dp = launch.operands[2],
                    &dscores = launch.operands[3];
  const auto kept = [&](std::int64_t r, std::int64_t c) {
    return mask ? mask.bytes()[element_at(mask.layout, 0, r, c)] : 1;
  };
  for (std::int64_t r = 0; r < p.layout.rows; ++r) {
    double mean = 0;
    for (std::int64_t c = 0; c < p.layout.columns; ++c)
      mean += get(p, r, c) * get(dp, r, c) * kept(r, c);
    for (std::int64_t c = 0; c < p.layout.columns; ++c)
      put(dscores, r, c,
          launch.arguments.scale * get(p, r, c) * (get(dp, r, c) * kept(r, c) - mean));
  }
}

void reference_embedding_forward(const Launch& launch) {
  const LiveOperand &ids = launch.operands[0], &table = launch.operands[1], &y = launch.operands[2];
  const std::int64_t first = first_word(launch, table.layout.rows);
  for (std::int64_t t = 0; t < y.layout.rows; ++t) {
    const std::int64_t row = ids.ids()[t] - first;
    const bool held = row >= 0 && row < table.layout.rows;
    for (std::int64_t c = 0; c < y.layout.columns; ++c) put(y, t, c, held ? get(table, row, c) : 0);
  }
}

void reference_embedding_backward(const Launch& launch) {
  const LiveOperand &ids = launch.operands[0], &dy = launch.operands[1];
  LiveOperand dtable = launch.operands[2];
  const std::int64_t first = first_word(launch, dtable.layout.rows);
  clear(dtable);
  dtable.add = true;
  for (std::int64_t t = 0; t < dy.layout.rows; ++t) {
    const std::int64_t row = ids.ids()[t] - first;
    if (row < 0 || row >= dtable.layout.rows) continue;
    for (std::int64_t c = 0; c < dy.layout.columns; ++c) put(dtable, row, c, get(dy, t, c));
  }
}

void reference_cross_entropy_forward(const Launch& launch) {
  const LiveOperand &logits = launch.operands[0], &bias = launch.operands[1],
                    &labels = launch.operands[2], &row_maximum = launch.operands[3],
                    &probabilities = launch.operands[4], &sums = launch.operands[5],
                    &targets = launch.operands[6];
  const std::int64_t width = logits.layout.columns, first = first_word(launch, width);
  const std::int64_t words = std::clamp<std::int64_t>(launch.arguments.words - first, 0, width);
  const auto logit = [&](std::int64_t t, std::int64_t c) {
    return get(logits, t, c) + (bias ? get(bias, 0, c) : 0);
  };
  for (std::int64_t t = 0; t < logits.layout.rows; ++t) {
    double largest = -std::numeric_limits<double>::infinity(), sum = 0;
    for (std::int64_t c = 0; c < words; ++c) largest = std::max(largest, logit(t, c));
    if (row_maximum) largest = get(row_maximum, 0, t);
    for (std::int64_t c = 0; c < width; ++c) {
      const double p = c < words ? std::exp(logit(t, c) - largest) : 0;
      put(probabilities, t, c, p);
      sum += p;
    }
    const std::int64_t label = labels.ids()[t] - first;
    put(sums, 0, t, sum);
    put(targets, 0, t, label >= 0 && label < words ? logit(t, label) - largest : 0);
  }
}

void reference_cross_entropy_backward(const Launch& launch) {
  const LiveOperand &probabilities = launch.operands[0], &sums = launch.operands[1],
                    &targets = launch.operands[2], &labels = launch.operands[3],
                    &dlogits = launch.operands[4], &dbias = launch.operands[5],
                    &loss = launch.operands[6];
  const std::int64_t width = probabilities.layout.columns, first = first_word(launch, width);
  std::vector<double> biases(static_cast<std::size_t>(width), 0);
  double total = 0;
  for (std::int64_t t = 0; t < probabilities.layout.rows; ++t) {
    const double sum = get(sums, 0, t);
    total += std::log(sum) - get(targets, 0, t);
    for (std::int64_t c = 0; c < width; ++c) {
      const double hit = labels.ids()[t] - first == c ? 1 : 0;
      const double d = launch.arguments.scale * (get(probabilities, t, c) / sum - hit);
      put(dlogits, t, c, d);
      biases[static_cast<std::size_t>(c)] += d;
    }
  }
  for (std::int64_t c = 0; dbias && c < width; ++c)
    put(dbias, 0, c, biases[static_cast<std::size_t>(c)]);
  put(loss, 0, 0, launch.arguments.scale * total);
}

}  // namespace stepcast
