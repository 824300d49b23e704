#include "sim/ledger/kernel_rows.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

TimedKernels read(TimedKernels (*reader)(const CsvCells&), const std::string& text) {
  const CsvTable table = parse_csv(text, "k.csv");
  return reader(CsvCells(table, table.records.at(0)));
}

TEST(KernelRows, ShapesAreReadFromTheFront) {
  EXPECT_EQ(leading_shape("4096x28672"), (std::vector<std::int64_t>{4096, 28672}));
  EXPECT_EQ(leading_shape("16384x768(V=32768)"), (std::vector<std::int64_t>{16384, 768}));
  EXPECT_EQ(leading_shape("25690112 elements"), (std::vector<std::int64_t>{25690112}));
  EXPECT_TRUE(leading_shape("large").empty());
}

TEST(KernelRows, TransposedGemmIsAWeightGradient) {
  const std::string header = "dtype,m,n,k,batch,layout\n";
  const TimedKernels forward = read(gemm_kernels, header + "bf16,64,128,256,1,TN\n");
  ASSERT_EQ(forward.kernels.size(), 1u);
  EXPECT_EQ(forward.kernels[0].kind, KernelKind::kGemmForward);
  EXPECT_EQ(forward.kernels[0].dims[2], 256);
  EXPECT_EQ(read(gemm_kernels, header + "bf16,64,128,256,1,NT\n").kernels[0].kind,
            KernelKind::kGemmWgrad);
  EXPECT_NE(read(gemm_kernels, header + "nvfp4,64,128,256,1,TN\n").skipped, "");
}

TEST(KernelRows, ADeterministicBackwardPassIsAnotherImplementation) {
  const CsvTable table =
      parse_csv("impl,notes\ncuDNN,llama3.1\ncuDNN,llama3.1;deterministic\n", "k");
  EXPECT_EQ(attention_implementation(CsvCells(table, table.records[0])), "cuDNN");
  EXPECT_EQ(attention_implementation(CsvCells(table, table.records[1])), "cuDNN, deterministic");
}

TEST(KernelRows, ConvolutionsAreReadPassByPass) {
  const std::string header = "dtype,batch,c_in,h,w,c_out,r,s,stride,pad,pass\n";
  const TimedKernels both =
      read(convolutions, header + "fp32/tf32,8,64,56,28,128,3,5,2,1,dgrad+wgrad\n");
  ASSERT_EQ(both.kernels.size(), 2u) << both.skipped;
  EXPECT_EQ(both.kernels[0].kind, KernelKind::kConvolutionDgrad);
  EXPECT_EQ(both.kernels[1].kind, KernelKind::kConvolutionWgrad);
  EXPECT_EQ(both.kernels[0].dtype, Dtype::kTf32);
  EXPECT_EQ(both.kernels[0].dims, (KernelDims{8, 64, 56, 28, 128, 3, 5, 2, 1}));
  EXPECT_NE(read(convolutions, header + "fp32,8,64,2,2,128,5,5,1,0,fwd\n").skipped, "");
  EXPECT_NE(read(convolutions, header + "fp32,8,,56,56,128,3,3,1,1,fwd\n").skipped, "");
  EXPECT_NE(read(convolutions, header + "fp32,8,64,56,56,128,3,3,1,1,both\n").skipped, "");
}

TEST(KernelRows, BothPassesOfAttentionAreTwoKernels) {
  const std::string header = "dtype,impl,batch,heads,kv_heads,seq,head_dim,causal,pass\n";
  const TimedKernels both = read(attention_kernels, header + "fp16,FA2,2,16,4,1024,64,1,fwd+bwd\n");
  ASSERT_EQ(both.kernels.size(), 2u);
  EXPECT_EQ(both.kernels[1].kind, KernelKind::kFlashAttentionBackward);
  EXPECT_TRUE(both.kernels[0].causal);
  EXPECT_EQ(both.kernels[0].dims, (KernelDims{2, 16, 4, 1024, 1024, 64}));
  EXPECT_NE(read(attention_kernels, header + "fp16,unfused,2,16,4,1024,64,1,fwd\n").skipped, "");
}

TEST(KernelRows, MemoryBoundOperatorsMapToTheCatalogue) {
  const std::string header = "op,dtype,elements_shape\n";
  const TimedKernels norm = read(memory_kernels, header + "rmsnorm_fwd+bwd,bf16,2048x1024\n");
  ASSERT_EQ(norm.kernels.size(), 2u);
  EXPECT_EQ(norm.kernels[1].kind, KernelKind::kRmsNormBackward);
  EXPECT_EQ(norm.kernels[1].dims[1], 1024);
  const TimedKernels add = read(memory_kernels, header + "residual_add,fp16,4096x4096\n");
  ASSERT_EQ(add.kernels.size(), 1u);
  EXPECT_EQ(add.kernels[0].dims[0], 4096 * 4096);
  EXPECT_NE(read(memory_kernels, header + "batchnorm_fwd,fp32,100 elements\n").skipped, "");
}

}  // namespace
}  // namespace stepcast
