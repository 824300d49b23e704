// Kernels that work through rows: softmax, norms, embedding, loss.
#include <algorithm>

#include "kernels/device/cuda_launchers.h"
#include "kernels/device/device_results.h"
#include "kernels/live/launch_shapes.h"
#include "kernels/ops/cross_entropy.h"
#include "kernels/ops/embedding.h"
#include "kernels/ops/norm.h"
#include "kernels/ops/softmax.h"

namespace stepcast {
namespace {

/// Calls run.operator()<T>(operand of type T, by index) with the type of the kernel.
template <typename Run>
void with_operands(const Launch& launch, Run run) {
  with_element_type(launch.kernel.dtype, [&]<typename T>() {
    run.template operator()<T>([&](std::size_t i) {
      return elements_of_type<T>(launch.operands[i], launch.kernel.dtype);
    });
  });
}

/// Calls run(elements): exponentials are fp32 or of the kernel's type.
template <typename T, typename Run>
void with_exponentials(const Launch& launch, const LiveOperand& exponentials, Run run) {
  if (size_of(exponentials.dtype) == sizeof(float)) return run(elements<float>(exponentials));
  run(elements_of_type<T>(exponentials, launch.kernel.dtype));
}

void norm_backward(const Launch& launch, bool centred) {
  const LiveOperand &x = launch.operands[0], &dx = launch.operands[3];
  const AddedOnDevice dweight(launch.operands[4], *launch.device);
  const AddedOnDevice dbias(launch.operands[5], *launch.device, ScratchUse::kSecondResult);
  with_operands(launch, [&]<typename T>(auto at) {
    if (centred)
      cuda::layer_norm_backward<T>(norm_shape(x), at(0), at(1), at(2), at(3), dx.add,
                                   dweight.floats(), dbias.floats(), *launch.device);
    else
      cuda::rms_norm_backward<T>(norm_shape(x), at(0), at(1), at(2), at(3), dx.add,
                                 dweight.floats(), *launch.device);
  });
  dweight.finish();
  dbias.finish();
}

}  // namespace

void cuda_softmax_forward(const Launch& launch) {
  const LiveOperand &scores = launch.operands[0], &mask = launch.operands[2],
                    &dropped = launch.operands[3];
  with_operands(launch, [&]<typename T>(auto at) {
    cuda::softmax_forward<T>(softmax_shape(launch, scores.layout), at(0), at(1), *launch.device);
  });
  keep_all_on_device(mask, *launch.device);
  if (dropped) copy_or_add_on_device(launch.operands[1], dropped, *launch.device);
}

/// Nothing was dropped, so the mask need not be read.
void cuda_softmax_backward(const Launch& launch) {
  with_operands(launch, [&]<typename T>(auto at) {
    const OverwrittenOnDevice<T> dscores(launch.operands[3], *launch.device);
    cuda::softmax_backward<T>(softmax_shape(launch, launch.operands[0].layout), at(0), at(2),
                              dscores.data(), *launch.device);
    dscores.finish();
  });
}

void cuda_layer_norm_forward(const Launch& launch) {
  with_operands(launch, [&]<typename T>(auto at) {
    cuda::layer_norm_forward<T>(norm_shape(launch.operands[0]), at(0), at(1), at(2), at(3),
                                *launch.device);
  });
}

void cuda_layer_norm_backward(const Launch& launch) { norm_backward(launch, true); }

void cuda_rms_norm_forward(const Launch& launch) {
  with_operands(launch, [&]<typename T>(auto at) {
    cuda::rms_norm_forward<T>(norm_shape(launch.operands[0]), at(0), at(1), at(3), *launch.device);
  });
}

void cuda_rms_norm_backward(const Launch& launch) { norm_backward(launch, false); }

void cuda_embedding_forward(const Launch& launch) {
  const LiveOperand &ids = launch.operands[0], &table = launch.operands[1], &y = launch.operands[2];
  with_operands(launch, [&]<typename T>(auto at) {
    cuda::embedding_forward<T>(embedding_shape(launch, y, table), ids.ids(), at(1), at(2), y.add,
                               *launch.device);
  });
}

void cuda_embedding_backward(const Launch& launch) {
  const LiveOperand &ids = launch.operands[0], &dy = launch.operands[1],
                    &dtable = launch.operands[2];
  const AddedOnDevice sums(dtable, *launch.device);
  with_operands(launch, [&]<typename T>(auto at) {
    cuda::embedding_backward<T>(embedding_shape(launch, dy, dtable), ids.ids(), at(1),
                                sums.floats(), *launch.device);
  });
  sums.finish();
}

void cuda_cross_entropy_forward(const Launch& launch) {
  const LiveOperand &logits = launch.operands[0], &labels = launch.operands[2],
                    &row_maximum = launch.operands[3], &exponentials = launch.operands[4],
                    &sums = launch.operands[5], &targets = launch.operands[6];
  const CrossEntropyShape shape = loss_shape(launch, logits.layout);
  // Of the columns of this rank; those behind the words pad the vocabulary.
  const std::int64_t words =
      std::clamp<std::int64_t>(launch.arguments.words - shape.first, 0, shape.columns());
  with_operands(launch, [&]<typename T>(auto at) {
    with_exponentials<T>(launch, exponentials, [&](auto* to) {
      cuda::exp_rows<T>(shape, words, at(0), at(1), labels.ids(), fp32_elements(row_maximum),
                        nullptr, to, fp32_elements(sums), fp32_elements(targets), *launch.device);
    });
  });
}

void cuda_cross_entropy_backward(const Launch& launch) {
  const LiveOperand &exponentials = launch.operands[0], &sums = launch.operands[1],
                    &targets = launch.operands[2], &labels = launch.operands[3],
                    &dbias = launch.operands[5], &loss = launch.operands[6];
  const CrossEntropyShape shape = loss_shape(launch, exponentials.layout);
  with_operands(launch, [&]<typename T>(auto at) {
    with_exponentials<T>(launch, exponentials, [&](const auto* from) {
      cuda::cross_entropy_gradient(shape, from, labels.ids(), fp32_elements(sums),
                                   static_cast<float>(launch.arguments.scale), at(4),
                                   *launch.device);
    });
    if (!dbias) return;
    const AddedOnDevice column_sums(dbias, *launch.device);
    cuda::add_column_sums<T>(shape.tokens, shape.columns(), shape.columns(), at(4),
                             column_sums.floats(), *launch.device);
    column_sums.finish();
  });
  cuda::sum_of_losses(shape.tokens, fp32_elements(sums), fp32_elements(targets),
                      launch.arguments.scale, loss.add, fp32_elements(loss), *launch.device);
}

}  // namespace stepcast
