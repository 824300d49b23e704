// Activations of the MLP, with the bias of the linear layer before them, and SwiGLU.
#pragma once

#include <cstdint>

namespace stepcast {

enum class Activation : std::uint8_t {
  kGeluTanh,  ///< x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))): GPT-2 and -3, Megatron-LM
  kGeluErf,   ///< x/2 (1 + erf(x / sqrt 2)): BERT, PyTorch's default
  kRelu,
};

/// A matrix of activations. x, y and their gradients have the same shape and lie densely unless a
/// row stride is named.
struct ActivationShape {
  Activation kind{};
  std::int64_t rows = 0;
  std::int64_t cols = 0;
};

/// Gate and value of a gated MLP are two (rows, cols) matrices, usually the halves of one
/// (rows, 2 * cols) result: then stride = 2 * cols and up = gate + cols.
struct SwigluShape {
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t stride = 0;  ///< elements from row to row of gate, up and their gradients
};

namespace cpu {

/// y = activation(x + bias); bias (cols) may be null; y may be x.
template <typename T>
void activation_forward(const ActivationShape& shape, const T* x, const T* bias, T* y);

/// dx = dy * activation'(x + bias); dx may be dy. Adds the column sums of dx to dbias (cols),
/// unless it is null.
template <typename T>
void activation_backward(const ActivationShape& shape, const T* x, const T* bias, const T* dy,
                         T* dx, float* dbias);

/// y = silu(gate) * up, silu(x) = x / (1 + e^-x) [Shazeer 2020, GLU Variants Improve Transformer].
/// y (rows, cols), dense.
template <typename T>
void swiglu_forward(const SwigluShape& shape, const T* gate, const T* up, T* y);

/// Overwrites dgate and dup, which may be gate and up.
template <typename T>
void swiglu_backward(const SwigluShape& shape, const T* gate, const T* up, const T* dy, T* dgate,
                     T* dup);

}  // namespace cpu
}  // namespace stepcast
