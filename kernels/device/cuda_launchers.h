// The kernels of kernels/ops/ as launchers of programs: operands in the order of signature_of(), in
// fp32, fp16 or bf16; gradients of parameters, statistics, moments and norms in fp32. Work is
// issued to Launch::device's stream. What is computed, and what a launcher checks, is as in
// kernels/live/cpu_launchers.h; types that a GPU kernel does not have are an Error(kUnsupported).
#pragma once

#include "kernels/live/launch.h"
#include "kernels/ops/device_context.h"

namespace stepcast {

LauncherTable cuda_launchers();

void cuda_gemm_forward(const Launch& launch);
void cuda_gemm_dgrad(const Launch& launch);
void cuda_gemm_wgrad(const Launch& launch);
void cuda_batched_gemm(const Launch& launch);
void cuda_attention_forward(const Launch& launch);
void cuda_attention_backward(const Launch& launch);
void cuda_softmax_forward(const Launch& launch);
void cuda_softmax_backward(const Launch& launch);
void cuda_layer_norm_forward(const Launch& launch);
void cuda_layer_norm_backward(const Launch& launch);
void cuda_rms_norm_forward(const Launch& launch);
void cuda_rms_norm_backward(const Launch& launch);
void cuda_activation_forward(const Launch& launch);
void cuda_activation_backward(const Launch& launch);
void cuda_swiglu_forward(const Launch& launch);
void cuda_swiglu_backward(const Launch& launch);
void cuda_rotary_forward(const Launch& launch);
void cuda_rotary_backward(const Launch& launch);
void cuda_residual_forward(const Launch& launch);
void cuda_residual_backward(const Launch& launch);
void cuda_embedding_forward(const Launch& launch);
void cuda_embedding_backward(const Launch& launch);
void cuda_cross_entropy_forward(const Launch& launch);
void cuda_cross_entropy_backward(const Launch& launch);
void cuda_copy(const Launch& launch);
void cuda_adam(const Launch& launch);
void cuda_sgd(const Launch& launch);
void cuda_grad_norm(const Launch& launch);
void cuda_convolution_forward(const Launch& launch);
void cuda_convolution_dgrad(const Launch& launch);
void cuda_convolution_wgrad(const Launch& launch);
void cuda_batch_norm_forward(const Launch& launch);
void cuda_batch_norm_backward(const Launch& launch);
void cuda_max_pooling_forward(const Launch& launch);
void cuda_max_pooling_backward(const Launch& launch);
void cuda_average_pooling_forward(const Launch& launch);
void cuda_average_pooling_backward(const Launch& launch);
void cuda_top_k(const Launch& launch);
void cuda_add_sparse(const Launch& launch);
void cuda_quantize(const Launch& launch);
void cuda_dequantize(const Launch& launch);
void cuda_lamb_direction(const Launch& launch);
void cuda_lamb_apply(const Launch& launch);
void cuda_clip_gradient(const Launch& launch);

}  // namespace stepcast
