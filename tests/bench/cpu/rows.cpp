// Norms, softmax, cross-entropy, embedding.
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/norm.h"
#include "kernels/cpu/softmax.h"
#include "tests/bench/cpu/cases.h"

namespace stepcast::bench {
namespace {

STEPCAST_STREAMING(layer_norm, kLayerNormForward,
                   cpu::layer_norm_forward({.rows = rows, .cols = cols}, p[0]->next(),
                                           kVector.data(), kVector.data(), p[1]->next()));
STEPCAST_STREAMING(layer_norm_backward, kLayerNormBackward,
                   cpu::layer_norm_backward({.rows = rows, .cols = cols}, p[0]->next(),
                                            kVector.data(), p[1]->next(), p[2]->next(), false,
                                            vector_gradient.data(), more_gradient.data()));
STEPCAST_STREAMING(rms_norm, kRmsNormForward,
                   cpu::rms_norm_forward({.rows = rows, .cols = cols}, p[0]->next(), kVector.data(),
                                         p[1]->next()));
STEPCAST_STREAMING(rms_norm_backward, kRmsNormBackward,
                   cpu::rms_norm_backward({.rows = rows, .cols = cols}, p[0]->next(),
                                          kVector.data(), p[1]->next(), p[2]->next(), false,
                                          vector_gradient.data()));
STEPCAST_STREAMING(softmax, kScoreSoftmaxForward,
                   cpu::softmax_forward({.matrices = 1, .queries = rows, .keys = cols},
                                        p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(softmax_backward, kScoreSoftmaxBackward,
                   cpu::softmax_backward({.matrices = 1, .queries = rows, .keys = cols},
                                         p[0]->next(), p[1]->next(), p[2]->next()));

/// The columns of a rank that shares the vocabulary, in the steps between which ranks reduce:
/// others hold the columns before and after.
CrossEntropyShape share(std::int64_t rows, std::int64_t cols) {
  const auto first = static_cast<std::int32_t>(cols);
  return {.tokens = rows, .first = first, .last = 2 * first};
}
CrossEntropyShape whole(std::int64_t rows, std::int64_t cols) {
  return {.tokens = rows, .first = 0, .last = static_cast<std::int32_t>(cols)};
}
/// Some of a share, some of others.
const std::vector<std::int32_t> kTargets = random_ids(65536, 8192, 1);
void forward_of(const CrossEntropyShape& shape, const float* logits) {
  cpu::row_maxima(shape, logits, row_values.data());
  cpu::exp_sums(shape, logits, kTargets.data(), row_values.data(), vector_gradient.data(),
                more_gradient.data());
}
void backward_of(const CrossEntropyShape& shape, const float* logits, float* dlogits) {
  static const std::vector<float> sums(65536, 1000.0f);
  cpu::cross_entropy_backward(shape, logits, kTargets.data(), row_values.data(), sums.data(), 1e-3f,
                              dlogits);
}
STEPCAST_STREAMING(cross_entropy_sums, kCrossEntropyForward,
                   forward_of(whole(rows, cols), p[0]->next()));
STEPCAST_STREAMING(cross_entropy_backward, kCrossEntropyBackward,
                   backward_of(whole(rows, cols), p[0]->next(), p[1]->next()));
STEPCAST_STREAMING(vocabulary_parallel_cross_entropy_sums, kCrossEntropyForward,
                   forward_of(share(rows, cols), p[0]->next()));
STEPCAST_STREAMING(vocabulary_parallel_cross_entropy_backward, kCrossEntropyBackward,
                   backward_of(share(rows, cols), p[0]->next(), p[1]->next()));

void BM_Embedding(benchmark::State& state, bool backward) {
  const EmbeddingShape shape{.tokens = 2048, .width = 1024, .first = 0, .last = 4096};
  const auto ids = random_ids(2048, 4096, 1);
  Pool table(4096 * 1024, 1), y(2048 * 1024, 2);
  for (auto _ : state) {
    if (backward)
      cpu::embedding_backward(shape, ids.data(), y.next(), table.next());
    else
      cpu::embedding_forward(shape, ids.data(), table.next(), y.next(), false);
  }
  report(state, kernel_of(backward ? KernelKind::kEmbeddingBackward : KernelKind::kEmbeddingForward,
                          {2048, 1024}));
}
BENCHMARK_CAPTURE(BM_Embedding, forward, false);
BENCHMARK_CAPTURE(BM_Embedding, backward, true);

}  // namespace
}  // namespace stepcast::bench
