#include "sim/compute/kernels.h"

#include <gtest/gtest.h>

#include <set>

#include "sim/base/error.h"
#include "sim/compute/dims.h"

namespace stepcast {
namespace {

Kernel kernel(KernelKind kind, KernelDims dims, Dtype dtype = Dtype::kBf16, bool causal = false) {
  return {.kind = kind, .dtype = dtype, .causal = causal, .dims = dims};
}

TEST(KernelTable, HasOneRowPerKindInTheirOrderWithDistinctNames) {
  std::set<std::string_view> names;
  std::size_t index = 0;
  for (const KernelInfo& row : kernel_table()) {
    EXPECT_EQ(static_cast<std::size_t>(row.kind), index++) << row.name;
    EXPECT_EQ(&info(row.kind), &row);
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_FALSE(row.dim_names[0].empty()) << row.name;
    EXPECT_FALSE(row.report_class.empty()) << row.name;
  }
  EXPECT_EQ(index, kNumKernelKinds);
}

TEST(KernelTable, MemoryBoundRowsMoveBytesAndOnlyThey) {
  for (const KernelInfo& row : kernel_table()) {
    const bool streams = row.work.operands + row.work.bytes + row.work.few_bytes > 0;
    EXPECT_EQ(streams, row.family == KernelFamily::kMemoryBound) << row.name;
  }
}

TEST(GemmWork, CountsTwoFlopsPerMultiplyAdd) {
  // 2 * 4 * 5 * 6 = 240, three times.
  EXPECT_EQ(flops_of(kernel(KernelKind::kGemmForward, {4, 5, 6, 3})), Flops(720));
  EXPECT_EQ(flops_of(kernel(KernelKind::kBatchedGemmBackward, {4, 5, 6, 3})), Flops(720));
}

TEST(GemmWork, TreatsALeftOutBatchAsOne) {
  EXPECT_EQ(flops_of(kernel(KernelKind::kGemmDgrad, {4, 5, 6})), Flops(240));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kGemmDgrad, {4, 5, 6})),
            bytes_of(kernel(KernelKind::kGemmDgrad, {4, 5, 6, 1})));
}

TEST(GemmWork, MovesEachOperandOnce) {
  // a 4*6 + b 6*5 + result 4*5 = 74 elements.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kGemmForward, {4, 5, 6, 1})), Bytes(74 * 2));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kGemmForward, {4, 5, 6, 1}, Dtype::kTf32)), Bytes(74 * 4));
  // fp8 operands, 16-bit result: 54 + 2 * 20.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kGemmForward, {4, 5, 6, 1}, Dtype::kFp8)), Bytes(94));
}

TEST(GemmWork, ReadsAndWritesTheFp32SumOfWeightGradients) {
  // bf16 operands 54 * 2, result 20 * (4 + 4).
  EXPECT_EQ(bytes_of(kernel(KernelKind::kGemmWgrad, {4, 5, 6, 1})), Bytes(268));
}

TEST(AttentionWork, ForwardIsFourAndBackwardTenFlopsPerScoreAndDimension) {
  // B 2, heads 4, S 8 x 8, head_dim 16: 2 * 4 * 64 * 16 = 8192.
  const KernelDims dims = {2, 4, 1, 8, 8, 16};
  EXPECT_EQ(flops_of(kernel(KernelKind::kFlashAttentionForward, dims)), Flops(4 * 8192));
  EXPECT_EQ(flops_of(kernel(KernelKind::kFlashAttentionBackward, dims)), Flops(10 * 8192));
}

TEST(AttentionWork, CausalComputesTheVisibleScoresOnly) {
  const auto causal = [](std::int64_t queries, std::int64_t keys) {
    return flops_of(kernel(KernelKind::kFlashAttentionForward, {1, 1, 1, queries, keys, 1},
                           Dtype::kBf16, true));
  };
  EXPECT_EQ(causal(8, 8), Flops(4 * 32));
  // Two last queries of eight keys: 2 * 8 - 2 * 2 / 2 pairs.
  EXPECT_EQ(causal(2, 8), Flops(4 * 14));
  EXPECT_EQ(causal(8, 2), Flops(4 * 2));
}

TEST(AttentionWork, MovesQueriesKeysValuesAndLogSumExpOnce) {
  // Queries 2*4*8*16 = 1024 elements in 64 rows, keys 2*1*8*16 = 256.
  const KernelDims dims = {2, 4, 1, 8, 8, 16};
  // q, k, v in, o out.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kFlashAttentionForward, dims)),
            Bytes((2 * 1024 + 2 * 256) * 2 + 64 * 4));
  // q, k, v, o, do in; dq, dk, dv out.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kFlashAttentionBackward, dims)),
            Bytes((4 * 1024 + 4 * 256) * 2 + 64 * 4));
}

constexpr ConvolutionDims kFiveByThree{.images = 8,
                                       .in_channels = 64,
                                       .height = 32,
                                       .width = 16,
                                       .out_channels = 128,
                                       .window_height = 5,
                                       .window_width = 3,
                                       .stride = 2,
                                       .padding = 1};

TEST(ConvolutionWork, StridesShrinkTheResult) {
  EXPECT_EQ(kFiveByThree.out_height(), 15);  // (32 + 2 - 5) / 2 + 1
  EXPECT_EQ(kFiveByThree.out_width(), 8);    // (16 + 2 - 3) / 2 + 1
}

TEST(ConvolutionWork, CountsEveryMultiplicationAndMovesEveryTensorOnce) {
  for (const KernelKind kind : {KernelKind::kConvolutionForward, KernelKind::kConvolutionDgrad,
                                KernelKind::kConvolutionWgrad}) {
    const Kernel c = kernel(kind, to_dims(kFiveByThree), Dtype::kFp16);
    EXPECT_EQ(flops_of(c), Flops(2. * 8 * 15 * 8 * 128 * 64 * 15));
    EXPECT_EQ(bytes_of(c), Bytes(2 * (8 * 64 * 32 * 16 + 128 * 64 * 15 + 8 * 128 * 15 * 8)));
  }
}

TEST(StreamingWork, PoolingMovesItsImagesAndAValueForEachWindow) {
  // 7 x 5 with windows of 3, stride 2 and padding 1: 4 x 3 windows.
  const KernelDims dims = {10, 7, 5, 3, 2, 1};
  const auto bytes = [&](KernelKind kind) { return bytes_of(kernel(kind, dims, Dtype::kFp32)); };
  EXPECT_EQ(bytes(KernelKind::kMaxPoolingForward), Bytes(4 * 10 * (35 + 12)));
  EXPECT_EQ(bytes(KernelKind::kMaxPoolingBackward), Bytes(4 * 10 * (2 * 35 + 12)));
  EXPECT_EQ(bytes(KernelKind::kAveragePoolingBackward), Bytes(4 * 10 * (35 + 12)));
  EXPECT_EQ(flops_of(kernel(KernelKind::kMaxPoolingForward, dims)), Flops(10 * 12 * 9));
}

TEST(StreamingWork, CompressionMovesWhatIsKeptAndAScaleForEachBlock) {
  // x, and 8 bytes for each that is kept.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kTopK, {1000, 10}, Dtype::kFp32)), Bytes(4080));
  // Index, value, and an element both ways.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kAddSparse, {1000, 10}, Dtype::kFp32)), Bytes(160));
  // 1000 elements are four blocks of 256 or less.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kQuantize, {1000, 256}, Dtype::kFp32)), Bytes(5016));
}

TEST(StreamingWork, BatchNormHasSixVectorsOfChannels) {
  EXPECT_EQ(bytes_of(kernel(KernelKind::kBatchNormForward, {2, 3, 5}, Dtype::kFp32)),
            Bytes(4 * (2 * 30 + 6 * 3)));
}

TEST(StreamingWork, LambMovesAsManyBytesAsAdamAndThreeMoreTensors) {
  const auto bytes = [](KernelKind kind) { return bytes_of(kernel(kind, {100})).value(); };
  // The direction is written once and read once, and the weights are read a second time.
  EXPECT_EQ(bytes(KernelKind::kLambDirection) + bytes(KernelKind::kLambApply),
            bytes(KernelKind::kAdam) + 100 * 3 * 4);
}

TEST(StreamingWork, CountsTensorsReadAndWritten) {
  EXPECT_EQ(bytes_of(kernel(KernelKind::kScoreSoftmaxForward, {100})), Bytes(400));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kScoreSoftmaxBackward, {100})), Bytes(600));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kGeluBackward, {100}, Dtype::kFp32)), Bytes(1200));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kSwigluForward, {100})), Bytes(600));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kSwigluBackward, {100})), Bytes(1000));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kCopy, {100})), Bytes(400));
  EXPECT_EQ(flops_of(kernel(KernelKind::kCopy, {100})), Flops(0));
}

TEST(StreamingWork, NormsAddStatisticsPerTokenAndWeightsPerHiddenUnit) {
  // x and y 2 * 10 * 64, weight and bias 2 * 64 of 2 bytes; mean and deviation 10 * 8 bytes.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kLayerNormForward, {10, 64})), Bytes(2560 + 256 + 80));
  // x and y, one weight, one statistic.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kRmsNormForward, {10, 64})), Bytes(2560 + 128 + 40));
}

TEST(StreamingWork, AccumulationReadsAndWritesTheFp32Sum) {
  EXPECT_EQ(bytes_of(kernel(KernelKind::kAccumulate, {100})), Bytes(1000));
}

TEST(StreamingWork, AdamWritesACopyOnlyForLowPrecision) {
  // fp32: gradient 4, weight 8, two moments 16; bf16 copy 2.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kAdam, {100}, Dtype::kFp32)), Bytes(2800));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kAdam, {100}, Dtype::kBf16)), Bytes(3000));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kAdam, {0}, Dtype::kBf16)), Bytes(0));
}

TEST(StreamingWork, SgdMovesOneMomentLessThanAdam) {
  // fp32: gradient 4, weight 8, momentum 8; bf16 copy 2.
  EXPECT_EQ(bytes_of(kernel(KernelKind::kSgd, {100}, Dtype::kFp32)), Bytes(2000));
  EXPECT_EQ(bytes_of(kernel(KernelKind::kSgd, {100}, Dtype::kBf16)), Bytes(2200));
}

TEST(KernelWork, RefusesDimensionsThatTheKernelDoesNotHave) {
  EXPECT_THROW(flops_of(kernel(KernelKind::kGeluForward, {10, 20})), InternalError);
  EXPECT_THROW(bytes_of(kernel(KernelKind::kGemmForward, {4, -5, 6, 1})), InternalError);
}

TEST(KernelWork, RefusesSizesBeyond64Bits) {
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_THROW(bytes_of(kernel(KernelKind::kGemmForward, {huge, huge, huge})), InternalError);
}

TEST(KernelText, NamesDimensionsTypeAndMask) {
  EXPECT_EQ(to_text(kernel(KernelKind::kGemmForward, {2048, 12288, 1536, 1}, Dtype::kFp16)),
            "gemm_forward(m=2048, n=12288, k=1536, fp16)");
  EXPECT_EQ(to_text(kernel(KernelKind::kBatchedGemmForward, {64, 64, 8, 12})),
            "batched_gemm_forward(m=64, n=64, k=8, batch=12, bf16)");
  EXPECT_EQ(to_text(kernel(KernelKind::kFlashAttentionForward, {1, 32, 8, 64, 128, 16},
                           Dtype::kBf16, true)),
            "flash_attention_forward(batch=1, heads=32, kv_heads=8, seq_query=64, seq_key=128, "
            "head_dim=16, bf16, causal)");
}

}  // namespace
}  // namespace stepcast
