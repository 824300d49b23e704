#include "kernels/reference/convolution.h"

#include <vector>

namespace stepcast::reference {
namespace {

/// Calls visit(element of x, of weights, of y) for every product of the convolution.
template <typename Visit>
void for_products(const ConvolutionShape& s, Visit visit) {
  for (std::int64_t image = 0; image < s.images; ++image)
    for (std::int64_t out = 0; out < s.out_channels; ++out)
      for (std::int64_t in = 0; in < s.in_channels; ++in)
        for (std::int64_t i = 0; i < s.out_height(); ++i)
          for (std::int64_t j = 0; j < s.out_width(); ++j)
            for (std::int64_t ky = 0; ky < s.kernel; ++ky)
              for (std::int64_t kx = 0; kx < s.kernel; ++kx) {
                const std::int64_t row = i * s.stride + ky - s.padding;
                const std::int64_t column = j * s.stride + kx - s.padding;
                if (row < 0 || row >= s.height || column < 0 || column >= s.width) continue;
                visit(((image * s.in_channels + in) * s.height + row) * s.width + column,
                      ((out * s.in_channels + in) * s.kernel + ky) * s.kernel + kx,
                      ((image * s.out_channels + out) * s.out_height() + i) * s.out_width() + j);
              }
}

template <typename T>
void write(const std::vector<double>& sums, T* to) {
  for (std::size_t i = 0; i < sums.size(); ++i) to[i] = static_cast<T>(sums[i]);
}

}  // namespace

template <typename T>
void convolution_forward(const ConvolutionShape& shape, const T* x, const T* weights, T* y) {
  std::vector<double> sums(shape.images * shape.out_channels * shape.positions());
  for_products(shape, [&](auto of_x, auto of_weights, auto of_y) {
    sums[of_y] += static_cast<double>(x[of_x]) * weights[of_weights];
  });
  write(sums, y);
}

template <typename T>
void convolution_dgrad(const ConvolutionShape& shape, const T* weights, const T* dy, T* dx) {
  std::vector<double> sums(shape.images * shape.in_channels * shape.height * shape.width);
  for_products(shape, [&](auto of_x, auto of_weights, auto of_y) {
    sums[of_x] += static_cast<double>(dy[of_y]) * weights[of_weights];
  });
  write(sums, dx);
}

template <typename T>
void convolution_wgrad(const ConvolutionShape& shape, const T* x, const T* dy, T* dweights) {
  std::vector<double> sums(dweights, dweights + shape.out_channels * shape.patch());
  for_products(shape, [&](auto of_x, auto of_weights, auto of_y) {
    sums[of_weights] += static_cast<double>(dy[of_y]) * x[of_x];
  });
  write(sums, dweights);
}

#define STEPCAST_INSTANTIATE(T)                                                       \
  template void convolution_forward(const ConvolutionShape&, const T*, const T*, T*); \
  template void convolution_dgrad(const ConvolutionShape&, const T*, const T*, T*);   \
  template void convolution_wgrad(const ConvolutionShape&, const T*, const T*, T*);
STEPCAST_INSTANTIATE(float)
STEPCAST_INSTANTIATE(double)

}  // namespace stepcast::reference
