// Norms, softmax, cross-entropy, embedding: kernels that work by row.
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/softmax.h"
#include "tests/bench/cuda/cases.h"

namespace stepcast::bench {
namespace {

constexpr NormShape kNorm{.rows = kTokens, .cols = kHidden};

void add_norms(Bench& bench) {
  add(bench, {.name = "layer_norm_forward", .bytes = 2 * kBf16Tensor}, [](Bench& b) {
    cuda::layer_norm_forward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.vector.data(), b.y.data(),
                                   b.context);
  });
  add(bench, {.name = "layer_norm_backward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::layer_norm_backward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.z.data(), b.y.data(),
                                    false, b.sums.data(), b.sums.data() + kHidden, b.context);
  });
  add(bench, {.name = "rms_norm_forward", .bytes = 2 * kBf16Tensor}, [](Bench& b) {
    cuda::rms_norm_forward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.y.data(), b.context);
  });
  add(bench, {.name = "rms_norm_backward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::rms_norm_backward<Bf16>(kNorm, b.x.data(), b.vector.data(), b.z.data(), b.y.data(), false,
                                  b.sums.data(), b.context);
  });
}

/// 16 heads of 2,048 tokens.
void add_softmax(Bench& bench) {
  static constexpr SoftmaxShape kScores{
      .matrices = 16, .queries = 2048, .keys = 2048, .scale = 0.1F};
  add(bench, {.name = "score_softmax_forward", .bytes = 2 * kBf16Tensor},
      [](Bench& b) { cuda::softmax_forward<Bf16>(kScores, b.x.data(), b.y.data(), b.context); });
  add(bench, {.name = "score_softmax_backward", .bytes = 3 * kBf16Tensor}, [](Bench& b) {
    cuda::softmax_backward<Bf16>(kScores, b.x.data(), b.z.data(), b.y.data(), b.context);
  });
}

void add_cross_entropy(Bench& bench) {
  static constexpr CrossEntropyShape kLoss{.tokens = 2048, .last = kWords};
  constexpr double kLogits = 2.0 * 2048 * kWords;
  add(bench, {.name = "cross_entropy_forward", .bytes = 2 * kLogits}, [](Bench& b) {
    cuda::exp_rows<Bf16, Bf16>(kLoss, kWords, b.x.data(), nullptr, b.tokens.data(), nullptr,
                               nullptr, b.y.data(), b.rows.data(), b.more_rows.data(), b.context);
  });
  add(bench, {.name = "cross_entropy_backward", .bytes = 2 * kLogits}, [](Bench& b) {
    cuda::cross_entropy_gradient<Bf16, Bf16>(kLoss, b.x.data(), b.tokens.data(), b.rows.data(),
                                             1e-3F, b.y.data(), b.context);
  });
  // A rank of eight that share the vocabulary: its columns of more tokens, and the maxima of all
  // ranks' come between the two passes over the logits.
  static constexpr CrossEntropyShape kShare{
      .tokens = 16384, .first = 3 * kWords / 8, .last = 4 * kWords / 8};
  add(bench, {.name = "cross_entropy_forward, a vocabulary of eight ranks", .bytes = 3 * kLogits},
      [](Bench& b) {
        cuda::row_maxima<Bf16>(kShare, kWords / 8, kWords / 8, b.x.data(), nullptr, b.rows.data(),
                               b.context);
        cuda::exp_rows<Bf16, Bf16>(kShare, kWords / 8, b.x.data(), nullptr, b.tokens.data(),
                                   b.rows.data(), nullptr, b.y.data(), b.rows.data() + kTokens,
                                   b.more_rows.data(), b.context);
      });
  add(bench, {.name = "cross_entropy_backward, a vocabulary of eight ranks", .bytes = 2 * kLogits},
      [](Bench& b) {
        cuda::cross_entropy_gradient<Bf16, Bf16>(kShare, b.x.data(), b.tokens.data(),
                                                 b.more_rows.data(), 1e-3F, b.y.data(), b.context);
      });
}

/// Words of a table of 16,384: the gradient's rows are read and written in fp32.
void add_embedding(Bench& bench) {
  static constexpr EmbeddingShape kTable{
      .tokens = kTokens, .width = kHidden, .first = 0, .last = kTokens};
  // Of 32,000 words this rank holds 16,384: so many rows are read, and zeros written for the rest.
  constexpr double kHeld = static_cast<double>(kTokens) / kWords;
  add(bench, {.name = "embedding_forward", .bytes = (1 + kHeld) * kBf16Tensor}, [](Bench& b) {
    cuda::embedding_forward<Bf16>(kTable, b.tokens.data(), b.x.data(), b.y.data(), false,
                                  b.context);
  });
  add(bench, {.name = "embedding_backward", .bytes = kHeld * (kBf16Tensor + 2 * kFp32Tensor)},
      [](Bench& b) {
        cuda::embedding_backward<Bf16>(kTable, b.tokens.data(), b.x.data(), b.g.data(), b.context);
      });
}

}  // namespace

void add_rows(Bench& bench) {
  add_norms(bench);
  add_softmax(bench);
  add_cross_entropy(bench);
  add_embedding(bench);
}

}  // namespace stepcast::bench
