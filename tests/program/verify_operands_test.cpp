// verify() of programs that can be run for real: operands fit kernels and buffers.
#include <gtest/gtest.h>

#include "sim/program/builder.h"
#include "sim/program/verify.h"

namespace stepcast {
namespace {

constexpr std::int64_t kTokens = 4, kInputs = 3, kOutputs = 2;

Operand operand(BufferId buffer, const Layout& layout, Access access) {
  return {.view = {.buffer = buffer, .layout = layout}, .access = access};
}

/// y (4,2) = x (4,3) w' with w (2,3), as one op of a program that says it can be run.
struct Product {
  Product() {
    const auto fp32 = [&](const char* name, std::int64_t elements) {
      return builder.resident(name, Bytes(4 * elements), Dtype::kFp32, BufferCategory::kParameters);
    };
    x = fp32("x", kTokens * kInputs);
    w = fp32("w", kOutputs * kInputs);
    y = fp32("y", kTokens * kOutputs);
    builder.facts().timing_only = "";
    op.kernel = {.kind = KernelKind::kGemmForward,
                 .dtype = Dtype::kFp32,
                 .dims = {kTokens, kOutputs, kInputs, 1}};
    op.operands = {operand(x, Layout::dense(kTokens, kInputs), Access::kRead),
                   operand(w, Layout::dense(kOutputs, kInputs), Access::kRead),
                   {.view = {}, .access = Access::kRead},
                   operand(y, Layout::dense(kTokens, kOutputs), Access::kWrite),
                   {.view = {}, .access = Access::kWrite}};
  }
  std::vector<std::string> findings() {
    builder.call(builder.begin_block("b"), 0);
    builder.compute(op, {});
    return verify(std::move(builder).finish());
  }
  ProgramBuilder builder{"p", 1};
  BufferId x, w, y;
  Compute op;
};

using Findings = std::vector<std::string>;

TEST(VerifyOperands, TakesAProductWithoutBias) { EXPECT_EQ(Product().findings(), Findings{}); }

TEST(VerifyOperands, NamesAnOperandOfTheWrongShape) {
  Product product;
  product.op.operands[1].view.layout = Layout::dense(kInputs, kOutputs);  // not transposed
  EXPECT_EQ(product.findings(), Findings{"b op 0 (gemm_forward) has operand weight of 3 x 2"});
}

TEST(VerifyOperands, NamesAnOperandThatIsMissingOrUsedInAnotherWay) {
  Product missing;
  missing.op.operands[0].view = {};
  EXPECT_EQ(missing.findings(), Findings{"b op 0 (gemm_forward) misses operand x"});

  Product other;
  other.op.operands[3].access = Access::kRead;
  EXPECT_EQ(other.findings(), Findings{"b op 0 (gemm_forward) uses operand y in another way"});

  Product few;
  few.op.operands.pop_back();
  EXPECT_EQ(few.findings(), Findings{"b op 0 (gemm_forward) has 4 operands of 5"});
}

TEST(VerifyOperands, NamesAViewThatLeavesItsBuffer) {
  Product product;
  product.op.operands[3].view.layout.offset = 1;  // 1 + 4 * 2 of 8 elements
  EXPECT_EQ(product.findings(),
            Findings{"b op 0 (gemm_forward) has y up to element 9 of \"y\", which holds 8"});
}

TEST(VerifyOperands, ProgramsThatAreOnlyTimedNeedNone) {
  Product product;
  product.op.operands.clear();
  product.builder.facts().timing_only = "for this test";
  EXPECT_EQ(product.findings(), Findings{});
}

TEST(VerifyOperands, PartsOfACollectiveAddUpToItsSize) {
  const View half{.buffer = 0, .layout = Layout::dense(1, kTokens * kInputs / 2)};
  Collective reduce{.kind = CollectiveKind::kAllReduce,
                    .group = GroupRole::kData,
                    .size = Bytes(4 * kTokens * kInputs),
                    .dtype = Dtype::kFp32,
                    .parts = {{.from = half, .to = half}}};
  ProgramBuilder builder("q", 1);
  builder.resident("x", Bytes(48), Dtype::kFp32, BufferCategory::kGradients);
  builder.facts().timing_only = "";
  builder.call(builder.begin_block("c"), 0);
  builder.collective(Stream::kData, reduce, {});
  EXPECT_EQ(verify(std::move(builder).finish()),
            Findings{"c op 0 (all_reduce over data) has parts of 24 B, but a size of 48 B"});
}

/// A packed tensor: rows of 6, of which 4 are written.
TEST(VerifyOperands, ColumnsThatNobodyWroteMayNotBeRead) {
  ProgramBuilder builder("p", 1);
  const BufferId packed =
      builder.buffer("packed", Bytes(4 * 12), Dtype::kFp32, BufferCategory::kWorkspace);
  const BufferId other =
      builder.resident("other", Bytes(4 * 12), Dtype::kFp32, BufferCategory::kWorkspace);
  const auto copy = [&](const Operand& from, const Operand& to) {
    builder.compute({.kernel = {.kind = KernelKind::kCopy, .dtype = Dtype::kFp32, .dims = {4}},
                     .operands = {from, to}},
                    {});
  };
  const auto columns = [](std::int64_t first, std::int64_t count) {
    return Layout::columns_of(2, 6, first, count);
  };
  builder.call(builder.begin_block("b"), 0);
  builder.alloc(packed);
  copy(operand(other, columns(0, 2), Access::kRead),
       operand(packed, columns(0, 2), Access::kWrite));
  copy(operand(other, columns(2, 2), Access::kRead),
       operand(packed, columns(2, 2), Access::kWrite));
  copy(operand(packed, columns(1, 3), Access::kRead),
       operand(other, columns(1, 3), Access::kWrite));
  Operand sum = operand(packed, columns(3, 3), Access::kWrite);
  sum.add = true;  // the last two columns are not there
  copy(operand(other, columns(3, 3), Access::kRead), sum);
  builder.free(packed);
  EXPECT_EQ(verify(std::move(builder).finish()),
            Findings{"b op 4 (copy), microbatch 0: \"packed\" is read before anything was written "
                     "to it"});
}

}  // namespace
}  // namespace stepcast
