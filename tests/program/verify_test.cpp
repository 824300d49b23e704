// verify(Program): each rule has the smallest program that breaks it.
#include "sim/program/verify.h"

#include <gtest/gtest.h>

#include "sim/program/builder.h"

namespace stepcast {
namespace {

constexpr Kernel kKernel{.kind = KernelKind::kCopy, .dtype = Dtype::kBf16, .dims = {8}};

/// A program of one block called once per microbatch, with one buffer and one event at hand.
struct Bench {
  explicit Bench(std::uint32_t microbatches = 1) : builder("p", microbatches), count(microbatches) {
    weights = builder.resident("w", Bytes{16}, Dtype::kBf16, BufferCategory::kParameters);
    x = builder.buffer("x", Bytes{16}, Dtype::kBf16, BufferCategory::kActivations);
    ready = builder.event("ready");
    block = builder.begin_block("forward");
  }
  std::vector<std::string> verify_all() {
    for (std::uint32_t m = 0; m < count; ++m) builder.call(block, m);
    return verify(std::move(builder).finish());
  }
  void reduce(ProgramBuilder::Order order = {}) {
    builder.collective(Stream::kTensor,
                       {.kind = CollectiveKind::kAllReduce,
                        .group = GroupRole::kTensor,
                        .size = Bytes{16},
                        .dtype = Dtype::kBf16,
                        .parts = {{.from = builder.whole(x), .to = builder.whole(x)}}},
                       std::move(order));
  }
  ProgramBuilder builder;
  std::uint32_t count;
  BufferId weights, x;
  EventId ready;
  BlockId block;
};

void expect_only(const std::vector<std::string>& findings, const std::string& part) {
  ASSERT_EQ(findings.size(), 1u) << ::testing::PrintToString(findings);
  EXPECT_NE(findings[0].find(part), std::string::npos) << findings[0];
}

TEST(VerifyProgram, FindsNothingInASoundProgram) {
  Bench bench(3);
  bench.builder.alloc(bench.x);
  bench.builder.compute(kKernel, {bench.weights}, {bench.x}, {.signals = bench.ready});
  bench.reduce({.waits_for = {bench.ready}, .signals = bench.ready});
  bench.builder.compute(kKernel, {bench.x}, {}, {.waits_for = {bench.ready}});
  bench.builder.free(bench.x);
  EXPECT_EQ(bench.verify_all(), std::vector<std::string>{});
}

TEST(VerifyProgram, NamesAReadBeforeAlloc) {
  Bench bench;
  bench.builder.compute(kKernel, {bench.x}, {});
  expect_only(bench.verify_all(), "forward op 0 (copy), microbatch 0: \"x\" is read, but is not");
}

TEST(VerifyProgram, NamesAReadOfMemoryNobodyWrote) {
  Bench bench;
  bench.builder.alloc(bench.x);
  bench.builder.compute(kKernel, {bench.x}, {});
  bench.builder.free(bench.x);
  expect_only(bench.verify_all(), "before anything was written");
}

TEST(VerifyProgram, NamesADoubleFreeAndAMissingFree) {
  Bench twice;
  twice.builder.alloc(twice.x);
  twice.builder.free(twice.x);
  twice.builder.free(twice.x);
  expect_only(twice.verify_all(), "is freed, but is not allocated");

  Bench never(2);
  never.builder.alloc(never.x);
  const std::vector<std::string> findings = never.verify_all();
  EXPECT_EQ(findings, (std::vector<std::string>{"\"x\" of microbatch 0 is never freed",
                                                "\"x\" of microbatch 1 is never freed"}));
}

TEST(VerifyProgram, ReadsOnAnotherStreamNeedAnEvent) {
  Bench bench;
  bench.builder.alloc(bench.x);
  bench.builder.compute(kKernel, {bench.weights}, {bench.x}, {.signals = bench.ready});
  bench.builder.collective(Stream::kTensor,
                           {.kind = CollectiveKind::kAllReduce,
                            .group = GroupRole::kTensor,
                            .size = Bytes{16},
                            .dtype = Dtype::kBf16,
                            .parts = {{.from = bench.builder.whole(bench.x), .to = {}}}},
                           {});
  bench.builder.free(bench.x);
  expect_only(bench.verify_all(),
              "\"x\" is read on stream tensor and was written on stream compute");
}

TEST(VerifyProgram, OverwritesMustWaitForReadersOnOtherStreams) {
  Bench bench;
  bench.builder.alloc(bench.x);
  bench.builder.compute(kKernel, {bench.weights}, {bench.x}, {.signals = bench.ready});
  bench.builder.send(Stream::kSendNext,
                     {.peer = Peer::kNext, .size = Bytes{16}, .tag = 0, .buffer = bench.x},
                     {.waits_for = {bench.ready}});
  bench.builder.compute(kKernel, {bench.weights}, {bench.x});
  bench.builder.free(bench.x);
  expect_only(bench.verify_all(),
              "\"x\" is overwritten on stream compute and may still be read on stream send_next");
}

TEST(VerifyProgram, OrderIsTransitiveOverStreams) {
  // compute writes -> tensor waits -> data waits for tensor only, and so is after compute too.
  Bench bench;
  const EventId second = bench.builder.event("second");
  bench.builder.alloc(bench.x);
  bench.builder.compute(kKernel, {bench.weights}, {bench.x}, {.signals = bench.ready});
  const Collective touch_nothing{.kind = CollectiveKind::kAllReduce,
                                 .group = GroupRole::kTensor,
                                 .size = Bytes{16},
                                 .dtype = Dtype::kBf16};
  bench.builder.collective(Stream::kTensor, touch_nothing,
                           {.waits_for = {bench.ready}, .signals = second});
  Collective read = touch_nothing;
  read.parts = {{.from = bench.builder.whole(bench.x), .to = {}}};
  bench.builder.collective(Stream::kData, read, {.waits_for = {second}});
  bench.builder.free(bench.x);
  EXPECT_EQ(bench.verify_all(), std::vector<std::string>{});
}

TEST(VerifyProgram, AHostWaitOrdersEverythingIssuedLater) {
  Bench bench;
  bench.builder.alloc(bench.x);
  bench.builder.compute(kKernel, {bench.weights}, {bench.x});
  bench.builder.host_wait(Stream::kCompute);
  bench.reduce();
  bench.builder.free(bench.x);
  EXPECT_EQ(bench.verify_all(), std::vector<std::string>{});
}

TEST(VerifyProgram, WaitsNeedAnEarlierSignalOfTheSameMicrobatch) {
  ProgramBuilder builder("p", 2);
  const EventId event = builder.event("done");
  const BlockId signal = builder.begin_block("signal");
  builder.compute(kKernel, {}, {}, {.signals = event});
  const BlockId wait = builder.begin_block("wait");
  builder.compute(kKernel, {}, {}, {.waits_for = {event}});
  builder.call(signal, 0);
  builder.call(wait, 1);
  expect_only(verify(std::move(builder).finish()),
              "wait op 0 (copy), microbatch 1 waits for \"done\", which nothing before it signals");
}

TEST(VerifyProgram, ChecksIdsAndSizesBeforeItFollowsThem) {
  Program program;
  program.name = "p";
  program.buffers.push_back({.name = "x", .size = Bytes{16}});
  program.buffers.push_back({.name = "y", .size = Bytes{-1}});
  Op compute;
  compute.what = Compute{.kernel = kKernel, .operands = {{.view = {.buffer = 7, .layout = {}}}}};
  compute.waits_for = {3};
  Op send;
  send.what = Send{.peer = Peer::kNext, .size = Bytes{17}, .tag = 0, .buffer = 0};
  program.blocks.push_back({.name = "b", .ops = {compute, send}});
  program.calls = {{.block = 0, .microbatch = 0}, {.block = 1, .microbatch = 5}};
  EXPECT_EQ(verify(program), (std::vector<std::string>{
                                 "buffer \"y\" has the negative size -1 B",
                                 "b op 0: has no event 3",
                                 "b op 0: has no buffer 7",
                                 "b op 1: moves 17 B, but \"x\" holds 16 B",
                                 "call 1: there is no block 1",
                                 "call 1: microbatch 5 of 1",
                             }));
}

TEST(VerifyProgram, CountsWhatItDoesNotSpellOut) {
  Bench bench(30);
  bench.builder.free(bench.x);
  const std::vector<std::string> findings = bench.verify_all();
  ASSERT_EQ(findings.size(), 21u);
  EXPECT_EQ(findings.back(), "and 10 more");
}

}  // namespace
}  // namespace stepcast
