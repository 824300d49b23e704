// cuDNN's side of kernels/ops/convolution.h as plain loops over dense NCHW extents, straight from
// its documentation: a cross-correlation, and its gradients.
#include <algorithm>

#include "kernels/ops/convolution.h"

namespace stepcast::cuda {
namespace {

std::int64_t at(const std::array<int, 4>& extents, int a, int b, int c, int d) {
  return ((std::int64_t{a} * extents[1] + b) * extents[2] + c) * extents[3] + d;
}

/// visit(element of x, element of weights, element of y) for every product of the convolution.
template <typename Visit>
void for_products(const ConvolutionArguments& g, Visit visit) {
  for (int n = 0; n < g.y[0]; ++n)
    for (int k = 0; k < g.y[1]; ++k)
      for (int p = 0; p < g.y[2]; ++p)
        for (int q = 0; q < g.y[3]; ++q)
          for (int c = 0; c < g.weights[1]; ++c)
            for (int r = 0; r < g.weights[2]; ++r)
              for (int s = 0; s < g.weights[3]; ++s) {
                const int row = p * g.stride - g.padding + r, column = q * g.stride - g.padding + s;
                if (row < 0 || row >= g.x[2] || column < 0 || column >= g.x[3]) continue;
                visit(at(g.x, n, c, row, column), at(g.weights, k, c, r, s), at(g.y, n, k, p, q));
              }
}

void clear(const std::array<int, 4>& extents, float* memory) {
  std::fill_n(memory, at(extents, extents[0], 0, 0, 0), 0.0F);
}

}  // namespace

struct Convolutions::State {};
Convolutions::Convolutions(DeviceContext& /*context*/) {}
Convolutions::~Convolutions() = default;

void Convolutions::run(const ConvolutionArguments& g, const float* a, const float* b,
                       float* result) {
  using Index = std::int64_t;
  switch (g.pass) {
    case ConvolutionPass::kForward:
      clear(g.y, result);
      return for_products(g, [&](Index x, Index w, Index y) { result[y] += a[x] * b[w]; });
    case ConvolutionPass::kDgrad:
      clear(g.x, result);
      return for_products(g, [&](Index x, Index w, Index y) { result[x] += a[w] * b[y]; });
    case ConvolutionPass::kWgrad:
      return for_products(g, [&](Index x, Index w, Index y) { result[w] += a[x] * b[y]; });
  }
}

}  // namespace stepcast::cuda
