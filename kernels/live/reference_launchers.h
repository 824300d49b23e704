// The launchers behind reference_launchers(): plain loops, sums in fp64, fp32 in memory.
#pragma once

#include "kernels/live/launch.h"

namespace stepcast {

// reference_products.cpp
void reference_gemm_forward(const Launch& launch);
void reference_gemm_dgrad(const Launch& launch);
void reference_gemm_wgrad(const Launch& launch);
void reference_batched_gemm(const Launch& launch);
void reference_attention_forward(const Launch& launch);
void reference_attention_backward(const Launch& launch);
// reference_rows.cpp
void reference_softmax_forward(const Launch& launch);
void reference_softmax_backward(const Launch& launch);
void reference_layer_norm_forward(const Launch& launch);
void reference_layer_norm_backward(const Launch& launch);
void reference_rms_norm_forward(const Launch& launch);
void reference_rms_norm_backward(const Launch& launch);
void reference_embedding_forward(const Launch& launch);
void reference_embedding_backward(const Launch& launch);
void reference_cross_entropy_forward(const Launch& launch);
void reference_cross_entropy_backward(const Launch& launch);
// reference_elements.cpp
void reference_activation_forward(const Launch& launch);
void reference_activation_backward(const Launch& launch);
void reference_swiglu_forward(const Launch& launch);
void reference_swiglu_backward(const Launch& launch);
void reference_rotary_forward(const Launch& launch);
void reference_rotary_backward(const Launch& launch);
void reference_residual_forward(const Launch& launch);
void reference_residual_backward(const Launch& launch);
void reference_copy(const Launch& launch);
void reference_add(const Launch& launch);
// reference_updates.cpp
void reference_adam(const Launch& launch);
void reference_sgd(const Launch& launch);
void reference_grad_norm(const Launch& launch);
void reference_lamb_direction(const Launch& launch);
void reference_lamb_apply(const Launch& launch);
void reference_clip_gradient(const Launch& launch);
// reference_images.cpp
void reference_convolution_forward(const Launch& launch);
void reference_convolution_dgrad(const Launch& launch);
void reference_convolution_wgrad(const Launch& launch);
void reference_batch_norm_forward(const Launch& launch);
void reference_batch_norm_backward(const Launch& launch);
void reference_max_pooling_forward(const Launch& launch);
void reference_max_pooling_backward(const Launch& launch);
void reference_average_pooling_forward(const Launch& launch);
void reference_average_pooling_backward(const Launch& launch);
void reference_top_k(const Launch& launch);
void reference_add_sparse(const Launch& launch);
void reference_quantize(const Launch& launch);
void reference_dequantize(const Launch& launch);

}  // namespace stepcast
