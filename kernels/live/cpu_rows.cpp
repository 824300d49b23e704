// Kernels that work through rows: softmax, norms, embedding, loss.
#include <algorithm>

#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/elementwise.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/norm.h"
#include "kernels/cpu/softmax.h"
#include "kernels/live/cpu_launchers.h"
#include "kernels/live/cpu_results.h"
#include "kernels/live/launch_shapes.h"

namespace stepcast {
namespace {

/// Nothing is dropped: every element of the mask is 1.
void keep_all(const LiveOperand& mask) {
  if (mask) std::fill_n(mask.bytes(), mask.layout.elements(), std::uint8_t{1});
}

/// Columns of this rank that are words; those behind them pad the vocabulary.
std::int64_t words_held(const Launch& launch, const CrossEntropyShape& shape) {
  return std::clamp<std::int64_t>(launch.arguments.words - shape.first, 0, shape.columns());
}

template <typename T>
void softmax_forward(const Launch& launch) {
  const LiveOperand &scores = launch.operands[0], &probabilities = launch.operands[1],
                    &mask = launch.operands[2], &dropped = launch.operands[3];
  cpu::softmax_forward(softmax_shape(launch, scores.layout), elements<T>(scores),
                       elements<T>(probabilities));
  keep_all(mask);
  if (dropped)
    std::copy_n(elements<T>(probabilities), probabilities.layout.elements(), elements<T>(dropped));
}

/// Nothing was dropped, so the mask need not be read.
template <typename T>
void softmax_backward(const Launch& launch) {
  const LiveOperand &p = launch.operands[0], &dp = launch.operands[2];
  const OverwrittenResult<T> dscores(launch.operands[3]);
  cpu::softmax_backward(softmax_shape(launch, p.layout), elements<T>(p), elements<T>(dp),
                        dscores.data());
  dscores.finish();
}

template <typename T>
void layer_norm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1],
                    &bias = launch.operands[2], &y = launch.operands[3];
  cpu::layer_norm_forward<T>(norm_shape(x), elements<T>(x), elements<T>(weight), elements<T>(bias),
                             elements<T>(y));
}

template <typename T>
void layer_norm_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1], &dy = launch.operands[2],
                    &dx = launch.operands[3];
  const AddedResult dweight(launch.operands[4]), dbias(launch.operands[5], Scratch::kSecondSum);
  cpu::layer_norm_backward<T>(norm_shape(x), elements<T>(x), elements<T>(weight), elements<T>(dy),
                              elements<T>(dx), dx.add, dweight.floats(), dbias.floats());
  dweight.finish();
  dbias.finish();
}

template <typename T>
void rms_norm_forward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1], &y = launch.operands[3];
  cpu::rms_norm_forward<T>(norm_shape(x), elements<T>(x), elements<T>(weight), elements<T>(y));
}

template <typename T>
void rms_norm_backward(const Launch& launch) {
  const LiveOperand &x = launch.operands[0], &weight = launch.operands[1], &dy = launch.operands[2],
                    &dx = launch.operands[3];
  const AddedResult dweight(launch.operands[4]);
  cpu::rms_norm_backward<T>(norm_shape(x), elements<T>(x), elements<T>(weight), elements<T>(dy),
                            elements<T>(dx), dx.add, dweight.floats());
  dweight.finish();
}

template <typename T>
void embedding_forward(const Launch& launch) {
  const LiveOperand &ids = launch.operands[0], &table = launch.operands[1], &y = launch.operands[2];
  cpu::embedding_forward<T>(embedding_shape(launch, y, table), ids.ids(), elements<T>(table),
                            elements<T>(y), y.add);
}

template <typename T>
void embedding_backward(const Launch& launch) {
  const LiveOperand &ids = launch.operands[0], &dy = launch.operands[1];
  const AddedResult dtable(launch.operands[2]);
  cpu::embedding_backward<T>(embedding_shape(launch, dy, launch.operands[2]), ids.ids(),
                             elements<T>(dy), dtable.floats());
  dtable.finish();
}

template <typename T>
void cross_entropy_forward(const Launch& launch) {
  const LiveOperand &logits = launch.operands[0], &bias = launch.operands[1],
                    &labels = launch.operands[2], &row_maximum = launch.operands[3],
                    &exponentials = launch.operands[4], &sums = launch.operands[5],
                    &targets = launch.operands[6];
  const CrossEntropyShape shape = loss_shape(launch, logits.layout);
  const std::int64_t words = words_held(launch, shape);
  const float* maxima = elements<float>(row_maximum);
  if (!row_maximum) {
    float* own = scratch(Scratch::kVector, shape.tokens);
    cpu::row_maxima_of_words(shape, words, elements<T>(logits), elements<T>(bias), own);
    maxima = own;
  }
  cpu::exp_rows(shape, words, elements<T>(logits), elements<T>(bias), labels.ids(), maxima,
                exponentials.floats(), sums.floats(), targets.floats());
}

template <typename T>
void cross_entropy_backward(const Launch& launch) {
  const LiveOperand &exponentials = launch.operands[0], &sums = launch.operands[1],
                    &targets = launch.operands[2], &labels = launch.operands[3],
                    &dlogits = launch.operands[4], &loss = launch.operands[6];
  const CrossEntropyShape shape = loss_shape(launch, exponentials.layout);
  const auto scale = static_cast<float>(launch.arguments.scale);
  cpu::cross_entropy_gradient(shape, exponentials.floats(), labels.ids(), sums.floats(), scale,
                              elements<T>(dlogits));
  const AddedResult dbias(launch.operands[5]);
  if (dbias.floats())
    cpu::add_column_sums(shape.tokens, shape.columns(), elements<T>(dlogits), dbias.floats());
  dbias.finish();
  const double total = cpu::sum_of_losses(shape.tokens, sums.floats(), targets.floats());
  const double own = launch.arguments.scale * total;
  *loss.floats() = static_cast<float>(loss.add ? *loss.floats() + own : own);
}

}  // namespace

void cpu_softmax_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { softmax_forward<T>(launch); });
}
void cpu_softmax_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { softmax_backward<T>(launch); });
}
void cpu_layer_norm_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { layer_norm_forward<T>(launch); });
}
void cpu_layer_norm_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { layer_norm_backward<T>(launch); });
}
void cpu_rms_norm_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { rms_norm_forward<T>(launch); });
}
void cpu_rms_norm_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { rms_norm_backward<T>(launch); });
}
void cpu_embedding_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { embedding_forward<T>(launch); });
}
void cpu_embedding_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { embedding_backward<T>(launch); });
}
void cpu_cross_entropy_forward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { cross_entropy_forward<T>(launch); });
}
void cpu_cross_entropy_backward(const Launch& launch) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() { cross_entropy_backward<T>(launch); });
}

}  // namespace stepcast
