// Logs of nccl-tests, composed by hand after its format: what is read of them and what is refused.
#include "sim/ledger/nccl_tests.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr const char* kHeader =
    "# nccl-tests version 2.17.1 nccl-headers=22704 nccl-library=22704\n"
    "# Collective test starting: all_reduce_perf\n"
    "# nThread 1 nGpus 1 minBytes 8 maxBytes 4096 step: 2(factor) warmup iters: 1 iters: 20\n"
    "#\n# Using devices\n"
    "#  Rank  0 Group  0 Pid    101 on  node-a device  0 [0x07] NVIDIA H100 80GB HBM3\n"
    "#  Rank  1 Group  0 Pid    102 on  node-a device  1 [0x0a] NVIDIA H100 80GB HBM3\n"
    "#  Rank  2 Group  0 Pid    201 on  node-b device  0 [0x07] NVIDIA H100 80GB HBM3\n"
    "#  Rank  3 Group  0 Pid    202 on  node-b device  1 [0x0a] NVIDIA H100 80GB HBM3\n"
    "#       size    count   type redop root   time algbw busbw #wrong   time algbw busbw #wrong\n";

NcclTestsRun parse(const std::string& text, const std::string& name = "run.log",
                   const NcclTestsHints& hints = {}) {
  return parse_nccl_tests(text, name, hints);
}

/// The message of what parsing throws.
std::string refused(const std::string& text, const std::string& name = "run.log") {
  try {
    parse(text, name);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.what();
  }
  return "";
}

TEST(NcclTestsText, OperationRanksHostsAndTimesAreRead) {
  const NcclTestsRun run = parse(std::string(kHeader) +
                                 "1024 256 float sum -1 16.63 0.06 0.09 0 16.11 0.06 0.10 0\r\n"
                                 "4096 1024 float sum -1 1.8e+01 0.2 0.3 N/A 17 0.2 0.3 N/A\n"
                                 "# Out of bounds values : 0 OK\n# Avg bus bandwidth : 0.2\n");
  EXPECT_EQ(run.op, BenchOp::kAllReduce);
  EXPECT_EQ(run.ranks, 4);
  EXPECT_EQ(run.hosts, 2);
  EXPECT_EQ(run.launch, BenchLaunch::kProcessPerGpu);
  ASSERT_EQ(run.points.size(), 2u);
  EXPECT_EQ(run.points[0].size, 1024);
  EXPECT_EQ(run.points[0].time_us, 16.63);  // out-of-place
  EXPECT_EQ(run.points[1].time_us, 18);
  EXPECT_EQ(run.points[1].line, 12);
}

TEST(NcclTestsText, OldVersionsAndTaggedLinesAreRead) {
  // Without redop and root, "error" for "#wrong", no groups; mpirun --tag-output before each line;
  // one process for two GPUs. The operation is in the file's name.
  const NcclTestsRun run = parse(
      "[1,0]<stdout>:# nThread 1 nGpus 2 minBytes 8 maxBytes 8 step: 2(factor)\n"
      "[1,0]<stdout>:#   Rank  0 Pid 7 on host device  0 [0x07] V100-SXM2-16GB\n"
      "[1,0]<stdout>:#   Rank  1 Pid 7 on host device  1 [0x0a] V100-SXM2-16GB\n"
      "[1,0]<stdout>:  64  16  float  8.50  0.01  0.00  0e+00  8.40  0.01  0.00  0e+00\n",
      "logs/all_gather-1n.txt");
  EXPECT_EQ(run.op, BenchOp::kAllGather);
  EXPECT_EQ(run.launch, BenchLaunch::kSingleProcess);
  ASSERT_EQ(run.points.size(), 1u);
  EXPECT_EQ(run.points[0].time_us, 8.5);
}

TEST(NcclTestsText, SizesThatTimeNothingAreLeftOut) {
  const NcclTestsRun run = parse(std::string(kHeader) +
                                 "0 0 float sum -1 0.14 0.00 0.00 0 0.13 0.00 0.00 0\n"
                                 "64 16 float sum -1 14.1 0.00 0.01 0 14.0 0.00 0.01 0\n");
  ASSERT_EQ(run.points.size(), 1u);
  EXPECT_EQ(run.points[0].size, 64);
}

TEST(NcclTestsText, EveryBadLineIsReportedWithItsPlace) {
  const std::string message = refused(std::string(kHeader) +
                                      "1024 256 float sum -1 16.63 0.06\n"
                                      "2048 512 float sum -1 0.00 0.0 0.0 0 1 0.1 0.1 0\n"
                                      "4096 1024 float sum -1 17 0.2 0.3 3 17 0.2 0.3 0\n");
  EXPECT_NE(message.find("run.log:11:"), std::string::npos) << message;
  EXPECT_NE(message.find("run.log:12: time = 0.00 must be"), std::string::npos) << message;
  EXPECT_NE(message.find("run.log:13: #wrong = 3 must be 0"), std::string::npos) << message;
}

TEST(NcclTestsText, WhatALogDoesNotSayIsAskedFor) {
  const std::string row = "64 16 float sum -1 14.1 0.00 0.01 0 14.0 0.00 0.01 0\n";
  const std::string message = refused(row);
  EXPECT_NE(message.find("--op"), std::string::npos);
  EXPECT_NE(message.find("--gpus"), std::string::npos);
  const NcclTestsRun run =
      parse(row, "run.log", {.op = BenchOp::kBroadcast, .ranks = 16, .hosts = 2});
  EXPECT_EQ(run.op, BenchOp::kBroadcast);
  EXPECT_EQ(run.ranks, 16);
  EXPECT_NE(refused("nothing of the kind\n", "all_reduce.log").find("no row"), std::string::npos);
}

TEST(NcclTestsText, AnUnknownProgramIsReportedWithItsLine) {
  std::string text = kHeader;
  text.replace(text.find("all_reduce_perf"), 15, "hypercube_perf");
  text += "64 16 float sum -1 14.1 0.00 0.01 0 14.0 0.00 0.01 0\n";
  const std::string message = refused(text, "all_reduce.log");
  EXPECT_TRUE(message.starts_with("all_reduce.log:2: \"hypercube_perf\"")) << message;
  EXPECT_NE(message.find("all_gather"), std::string::npos) << message;
  EXPECT_EQ(parse(text, "run.log", {.op = BenchOp::kReduce}).op, BenchOp::kReduce);
}

TEST(NcclTestsJson, AnUnknownProgramIsReportedByPath) {
  const std::string message = refused(R"({"args": ["mpirun", "./scatter_perf"],
    "devices": [{"pid": 5, "hostname": "a"}],
    "results": [{"size": 8, "out_of_place": {"time": 1}}]})");
  EXPECT_NE(message.find("args[1]"), std::string::npos) << message;
  EXPECT_NE(message.find("scatter_perf"), std::string::npos) << message;
}

TEST(NcclTestsJson, FiguresAreReadAndTheEnvironmentIsNot) {
  const NcclTestsRun run = parse(R"({
    "version": 3, "args": ["./build/reduce_scatter_perf", "-J", "out.json"],
    "env": ["SECRET_TOKEN=do-not-read"],
    "devices": [{"rank": 0, "pid": 5, "hostname": "a"}, {"rank": 1, "pid": 6, "hostname": "b"}],
    "results": [{"size": 0, "out_of_place": {"time": 0.1}},
                {"size": 2048, "out_of_place": {"time": 21.5, "nwrong": 0},
                 "in_place": {"time": 20.0, "nwrong": 0}}]})");
  EXPECT_EQ(run.op, BenchOp::kReduceScatter);
  EXPECT_EQ(run.ranks, 2);
  EXPECT_EQ(run.hosts, 2);
  ASSERT_EQ(run.points.size(), 1u);
  EXPECT_EQ(run.points[0].time_us, 21.5);
}

TEST(NcclTestsJson, BadResultsAreReportedByPath) {
  const std::string message = refused(R"({"args": ["all_reduce_perf"],
    "devices": [{"pid": 5, "hostname": "a"}],
    "results": [{"size": 8, "out_of_place": {"time": -1}}, {"size": 16}]})");
  EXPECT_NE(message.find("results[0].out_of_place.time"), std::string::npos) << message;
  EXPECT_NE(message.find("results[1]"), std::string::npos) << message;
}

}  // namespace
}  // namespace stepcast
