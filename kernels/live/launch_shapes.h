// From a launch to the shapes that kernels take: what its operands' layouts, arguments and place in
// its group mean, the same for every device.
#pragma once

#include "kernels/cpu/activation.h"
#include "kernels/cpu/attention.h"
#include "kernels/cpu/cross_entropy.h"
#include "kernels/cpu/embedding.h"
#include "kernels/cpu/gemm.h"
#include "kernels/cpu/norm.h"
#include "kernels/cpu/optimizer.h"
#include "kernels/cpu/rotary.h"
#include "kernels/cpu/softmax.h"
#include "kernels/live/launch.h"

namespace stepcast {

/// Operands as compute/operands.h orders them: y = x weight', dx = dy weight, dweight (n, m) = dy'
/// x, and of matrices in batches. What `add` of the result means is in `beta`.
Gemm forward_product(const Launch& launch);
Gemm dgrad_product(const Launch& launch);
Gemm wgrad_product(const Launch& launch);
/// Heads that share a key head add up their results, the first of them too: the caller clears a
/// result with layout.repeat > 1 that is not added to.
Gemm batched_product(const Launch& launch);
AttentionShape attention_shape(const Launch& launch);
/// Of scores that lie in `rows`, `arguments.sequence` queries a matrix.
SoftmaxShape softmax_shape(const Launch& launch, const Layout& rows);
NormShape norm_shape(const LiveOperand& x);
/// `table` holds this rank's rows of the vocabulary.
EmbeddingShape embedding_shape(const Launch& launch, const LiveOperand& rows,
                               const LiveOperand& table);
/// `logits` holds this rank's columns of the vocabulary.
CrossEntropyShape loss_shape(const Launch& launch, const Layout& logits);
Activation activation_of(KernelArguments::Function function);
ActivationShape activation_shape(const Launch& launch, const Layout& layout);
/// Rows of sequences whose first `arguments.rotated` columns are heads to be rotated. `x` and `y`
/// have the same stride, and nothing is added.
RotaryShape rotary_shape(const Launch& launch, const LiveOperand& x, const LiveOperand& y);
/// Of Adam and LAMB, without the factor of clipping.
Adam adam_settings(const Launch& launch);

}  // namespace stepcast
