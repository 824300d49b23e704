#include "sim/cost/measured_kernels.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

struct Outcome {
  MeasuredKernels points;
  std::string problems;  ///< one per line
};

Outcome read(const std::string& json) {
  Problems problems;
  Outcome outcome{.points = read_measured_kernels(parse_json(json, "p.json").root(), problems),
                  .problems = ""};
  for (const Problem& problem : problems.all()) outcome.problems += problem.text() + "\n";
  return outcome;
}

Kernel norm(std::int64_t tokens) {
  return {.kind = KernelKind::kLayerNormForward, .dtype = Dtype::kFp32, .dims = {tokens, 64}};
}

TEST(MeasuredKernels, AreFoundByKindDtypeAndDimensions) {
  MeasuredKernels points;
  for (const std::int64_t tokens : {30, 10, 20})
    points.set({.kernel = norm(tokens), .time = Seconds(static_cast<double>(tokens))});
  ASSERT_NE(points.find(norm(20)), nullptr);
  EXPECT_EQ(points.find(norm(20))->time, Seconds(20));
  EXPECT_EQ(points.find(norm(21)), nullptr);
  Kernel half = norm(20);
  half.dtype = Dtype::kBf16;
  EXPECT_EQ(points.find(half), nullptr);
  EXPECT_EQ(points.all().front().kernel, norm(10));
}

TEST(MeasuredKernels, TheLaterPointOfAKernelReplacesTheEarlier) {
  MeasuredKernels points;
  points.set({.kernel = norm(10), .time = Seconds(1)});
  points.set({.kernel = norm(10), .time = Seconds(2)});
  ASSERT_EQ(points.all().size(), 1u);
  EXPECT_EQ(points.find(norm(10))->time, Seconds(2));
}

TEST(MeasuredKernels, OneBatchIsNoBatch) {
  MeasuredKernels points;
  Kernel product{.kind = KernelKind::kGemmForward, .dtype = Dtype::kFp32, .dims = {8, 8, 8, 1}};
  points.set({.kernel = product, .time = Seconds(1)});
  product.dims[3] = 0;
  EXPECT_NE(points.find(product), nullptr);
}

TEST(MeasuredKernels, WhatIsWrittenIsReadAgain) {
  MeasuredKernels points;
  points.set({.kernel = norm(10), .time = Seconds(1.25e-5), .relative_sigma = 0.02});
  points.set({.kernel = {.kind = KernelKind::kFlashAttentionForward,
                         .dtype = Dtype::kBf16,
                         .causal = true,
                         .dims = {2, 8, 4, 128, 128, 64}},
              .time = Seconds(3e-6),
              .relative_sigma = 0.1});
  points.set({.kernel = {.kind = KernelKind::kGemmWgrad, .dtype = Dtype::kFp32, .dims = {7, 8, 9}},
              .time = Seconds(1e-3),
              .relative_sigma = 0});
  JsonWriter json;
  write_measured_kernels(json, points);
  const Outcome outcome = read(json.text());
  EXPECT_EQ(outcome.problems, "");
  ASSERT_EQ(outcome.points.all().size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(outcome.points.all()[i].kernel, points.all()[i].kernel);
    EXPECT_DOUBLE_EQ(outcome.points.all()[i].time.value(), points.all()[i].time.value());
    EXPECT_EQ(outcome.points.all()[i].relative_sigma, points.all()[i].relative_sigma);
  }
}

// The padding of a convolution, its last dimension, may be 0 and may be left out.
TEST(MeasuredKernels, PaddingMayBeNone) {
  const Kernel padded{.kind = KernelKind::kConvolutionDgrad,
                      .dtype = Dtype::kTf32,
                      .dims = {8, 64, 56, 56, 64, 3, 3, 1, 1}};
  Kernel bare = padded;
  bare.dims.back() = 0;
  MeasuredKernels points;
  for (const Kernel& kernel : {padded, bare}) points.set({.kernel = kernel, .time = Seconds(1e-3)});
  JsonWriter json;
  write_measured_kernels(json, points);
  const Outcome outcome = read(json.text());
  EXPECT_EQ(outcome.problems, "");
  EXPECT_NE(outcome.points.find(padded), nullptr);
  EXPECT_NE(outcome.points.find(bare), nullptr);
  const std::string point =
      R"([{"kernel": "convolution_dgrad", "dtype": "tf32", "dims": [8, 64, 56, 56, 64, 3, 3, 1, 0],)"
      R"( "time": "1 ms"}])";
  EXPECT_NE(read(point).points.find(bare), nullptr);
}

TEST(MeasuredKernels, ABurstIsWrittenAndReadWhereItWasTimed) {
  MeasuredKernels points;
  points.set({.kernel = norm(10), .time = Seconds(2e-3), .burst = Seconds(1.75e-3)});
  points.set({.kernel = norm(20), .time = Seconds(3e-3)});
  JsonWriter json;
  write_measured_kernels(json, points);
  const Outcome outcome = read(json.text());
  EXPECT_EQ(outcome.problems, "");
  EXPECT_EQ(outcome.points.find(norm(10))->burst, Seconds(1.75e-3));
  EXPECT_FALSE(outcome.points.find(norm(20))->burst.has_value());
}

TEST(MeasuredKernels, MistakesNameTheirPlaceAndTheRule) {
  const auto expect = [](const std::string& point, const std::string& text) {
    const Outcome outcome = read("[" + point + "]");
    EXPECT_NE(outcome.problems.find(text), std::string::npos) << outcome.problems;
    EXPECT_TRUE(outcome.points.empty());
  };
  expect(R"({"kernel": "gelu", "dtype": "fp32", "dims": [8], "time": "1 us"})", "gelu_forward");
  expect(R"({"kernel": "copy", "dtype": "fp32", "dims": [8, 8], "time": "1 us"})",
         "dims = [...] must hold the whole numbers [elements] of copy");
  expect(R"({"kernel": "gemm_forward", "dtype": "fp32", "dims": [8, 0, 8], "time": "1 us"})",
         "[m, n, k, batch]");
  // A window of 5 on 4 pixels: with stride 2 a rounded quotient would still leave one result.
  for (const char* kernel : {R"("max_pooling_forward", "dims": [8, 4, 4, 5, 2])",
                             R"("convolution_dgrad", "dims": [8, 3, 6, 4, 16, 5, 5, 2])"})
    expect(std::string(R"({"dtype": "fp32", "time": "1 us", "kernel": )") + kernel + "}",
           "has a window that is larger than the image with its padding");
  for (const char* kernel :
       {R"("average_pooling_forward", "dims": [1000000000000, 1000000000000, 1000, 3, 1])",
        R"("convolution_forward", "dims": [1000000000000, 1000000000000, 1000, 1000, 64, 3, 3, 1])",
        R"("convolution_forward", "dims": [1, 8, 4, 4, 8, 3, 3, 1, 1000000000000])"})
    expect(std::string(R"({"dtype": "fp32", "time": "1 us", "kernel": )") + kernel + "}",
           "has a tensor of 2^53 elements or more");
  expect(R"({"kernel": "copy", "dtype": "fp32", "dims": [8], "causal": true, "time": "1 us"})",
         "for attention kernels only");
  expect(R"({"kernel": "copy", "dtype": "fp32", "dims": [8], "time": "0 us"})", "time");
}

TEST(MeasuredKernels, ASecondPointOfOneKernelInAFileIsAMistake) {
  const std::string point = R"({"kernel": "copy", "dtype": "fp32", "dims": [8], "time": "1 us"})";
  EXPECT_NE(read("[" + point + "," + point + "]").problems.find("second point"), std::string::npos);
}

}  // namespace
}  // namespace stepcast
