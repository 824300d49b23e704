// The kernels of kernels/cpu/ as launchers of programs, on fp32 and 16-bit elements; arithmetic and
// sums are fp32. Images and compression are fp32 alone: other types are an Error(kUnsupported).
//
// Results are overwritten, or added to where the operand says so: where a kernel can only do the
// one, its launcher clears the result first, or goes through scratch memory (cpu_results.h).
#pragma once

#include "kernels/live/launch.h"

namespace stepcast {

LauncherTable cpu_launchers();

void cpu_gemm_forward(const Launch& launch);
void cpu_gemm_dgrad(const Launch& launch);
void cpu_gemm_wgrad(const Launch& launch);
void cpu_batched_gemm(const Launch& launch);
void cpu_attention_forward(const Launch& launch);
void cpu_attention_backward(const Launch& launch);
void cpu_softmax_forward(const Launch& launch);
void cpu_softmax_backward(const Launch& launch);
void cpu_layer_norm_forward(const Launch& launch);
void cpu_layer_norm_backward(const Launch& launch);
void cpu_rms_norm_forward(const Launch& launch);
void cpu_rms_norm_backward(const Launch& launch);
void cpu_activation_forward(const Launch& launch);
void cpu_activation_backward(const Launch& launch);
void cpu_swiglu_forward(const Launch& launch);
void cpu_swiglu_backward(const Launch& launch);
void cpu_rotary_forward(const Launch& launch);
void cpu_rotary_backward(const Launch& launch);
void cpu_residual_forward(const Launch& launch);
void cpu_residual_backward(const Launch& launch);
void cpu_embedding_forward(const Launch& launch);
void cpu_embedding_backward(const Launch& launch);
void cpu_cross_entropy_forward(const Launch& launch);
void cpu_cross_entropy_backward(const Launch& launch);
void cpu_copy(const Launch& launch);
void cpu_adam(const Launch& launch);
void cpu_sgd(const Launch& launch);
void cpu_grad_norm(const Launch& launch);
void cpu_convolution_forward(const Launch& launch);
void cpu_convolution_dgrad(const Launch& launch);
void cpu_convolution_wgrad(const Launch& launch);
void cpu_batch_norm_forward(const Launch& launch);
void cpu_batch_norm_backward(const Launch& launch);
void cpu_max_pooling_forward(const Launch& launch);
void cpu_max_pooling_backward(const Launch& launch);
void cpu_average_pooling_forward(const Launch& launch);
void cpu_average_pooling_backward(const Launch& launch);
void cpu_top_k(const Launch& launch);
void cpu_add_sparse(const Launch& launch);
void cpu_quantize(const Launch& launch);
void cpu_dequantize(const Launch& launch);
void cpu_lamb_direction(const Launch& launch);
void cpu_lamb_apply(const Launch& launch);
void cpu_clip_gradient(const Launch& launch);

}  // namespace stepcast
