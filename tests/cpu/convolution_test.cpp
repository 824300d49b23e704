#include "kernels/reference/convolution.h"

#include "kernels/cpu/tuned_kernels.h"
#include "tests/support/tensors.h"

namespace stepcast {
namespace {

const std::vector<ConvolutionShape> kShapes = {
    {.images = 1, .in_channels = 1, .height = 1, .width = 1, .out_channels = 1},
    {.images = 3,
     .in_channels = 7,
     .height = 9,
     .width = 5,
     .out_channels = 4,
     .kernel = 3,
     .padding = 1},
    {.images = 2,
     .in_channels = 3,
     .height = 33,
     .width = 31,
     .out_channels = 8,
     .kernel = 7,
     .stride = 2,
     .padding = 3},
    {.images = 2, .in_channels = 16, .height = 8, .width = 8, .out_channels = 33, .stride = 2},
    // Of channels and pixels enough for oneDNN.
    {.images = 2,
     .in_channels = 20,
     .height = 13,
     .width = 12,
     .out_channels = 24,
     .kernel = 3,
     .padding = 1},
    {.images = 3, .in_channels = 32, .height = 28, .width = 28, .out_channels = 16},
    {.images = 1,
     .in_channels = 2,
     .height = 4,
     .width = 3,
     .out_channels = 2,
     .kernel = 3,
     .stride = 3,
     .padding = 2},
    // Windows of padding alone, and one pixel with padding.
    {.images = 1,
     .in_channels = 2,
     .height = 3,
     .width = 3,
     .out_channels = 2,
     .kernel = 5,
     .padding = 4},
    {.images = 2, .in_channels = 5, .height = 4, .width = 6, .out_channels = 3, .padding = 1},
};

void expect_agreement() {
  for (const ConvolutionShape& shape : kShapes) {
    const auto x = random_values(shape.images * shape.in_channels * shape.height * shape.width, 1);
    const auto w = random_values(shape.out_channels * shape.patch(), 2);
    const auto dy = random_values(shape.images * shape.out_channels * shape.positions(), 3);
    std::vector<float> workspace(shape.workspace());
    std::vector<float> got(dy.size()), want(dy.size());
    cpu::convolution_forward(shape, x.data(), w.data(), got.data(), workspace.data());
    reference::convolution_forward(shape, x.data(), w.data(), want.data());
    expect_close(got, want, {.terms = shape.patch()});

    std::vector<float> got_dx(x.size(), NAN), want_dx(x.size());
    cpu::convolution_dgrad(shape, w.data(), dy.data(), got_dx.data(), workspace.data());
    reference::convolution_dgrad(shape, w.data(), dy.data(), want_dx.data());
    expect_close(got_dx, want_dx, {.terms = shape.out_channels * shape.kernel * shape.kernel});

    std::vector<float> got_dw = random_values(shape.out_channels * shape.patch(), 4);
    std::vector<float> want_dw = got_dw;
    cpu::convolution_wgrad(shape, x.data(), dy.data(), got_dw.data(), workspace.data());
    reference::convolution_wgrad(shape, x.data(), dy.data(), want_dw.data());
    expect_close(got_dw, want_dw, {.terms = shape.images * shape.positions()});
  }
}

// As products over patches, and by oneDNN where that is there.
TEST(Convolution, ForwardAndGradientsAgreeWithTheReference) {
  for (const bool tuned : {false, true}) {
    SCOPED_TRACE(tuned ? "as it comes" : "without oneDNN");
    cpu::allow_tuned_kernels(tuned);
    expect_agreement();
  }
}

// 3 x 3 ones under a window of ones, padded: the middle sees 9 of them, an edge 6, a corner 4.
TEST(Convolution, CountsOnes) {
  const ConvolutionShape shape{.images = 1,
                               .in_channels = 1,
                               .height = 3,
                               .width = 3,
                               .out_channels = 1,
                               .kernel = 3,
                               .padding = 1};
  const std::vector<float> ones(9, 1.0f);
  std::vector<float> y(9), workspace(shape.workspace());
  cpu::convolution_forward(shape, ones.data(), ones.data(), y.data(), workspace.data());
  EXPECT_EQ(y, (std::vector<float>{4, 6, 4, 6, 9, 6, 4, 6, 4}));
}

}  // namespace
}  // namespace stepcast
