// verify(Job): two stages of one rank each, and what can go wrong between them.
#include <gtest/gtest.h>

#include "sim/program/builder.h"
#include "sim/program/verify.h"

namespace stepcast {
namespace {

constexpr Bytes kSize{64};

/// A stage that computes, sends and receives one message per microbatch in the order that `steps`
/// says: 's' send to next, 'r' receive from next, 'S' and 'R' the same with previous, 'c' the CPU
/// waits for the stream of the last message.
Program stage(const std::string& name, const std::string& steps, Bytes size = kSize,
              std::uint32_t tag = 0) {
  ProgramBuilder builder(name, 2);
  const BufferId out = builder.resident("out", size, Dtype::kBf16, BufferCategory::kCommunication);
  const BlockId block = builder.begin_block("work");
  std::vector<BufferId> in;
  Stream last = Stream::kCompute;
  for (const char step : steps) {
    const Peer peer = step == 's' || step == 'r' ? Peer::kNext : Peer::kPrevious;
    if (step == 's' || step == 'S') {
      last = step == 's' ? Stream::kSendNext : Stream::kSendPrevious;
      builder.send(last, {.peer = peer, .size = size, .tag = tag, .buffer = out}, {});
    } else if (step == 'r' || step == 'R') {
      last = step == 'r' ? Stream::kRecvNext : Stream::kRecvPrevious;
      in.push_back(builder.buffer("in", size, Dtype::kBf16, BufferCategory::kCommunication));
      builder.alloc(in.back());
      builder.recv(last, {.peer = peer, .size = size, .tag = tag, .buffer = in.back()}, {});
    } else {
      builder.host_wait(last);
    }
  }
  for (const BufferId buffer : in) builder.free(buffer);
  builder.call(block, 0);
  builder.call(block, 1);
  return std::move(builder).finish();
}

Job two_stages(Program first, Program second) {
  Job job;
  job.programs = {std::move(first), std::move(second)};
  job.ranks.resize(2);
  for (Rank rank = 0; rank < 2; ++rank) {
    job.ranks[rank].program = rank;
    job.ranks[rank].next = job.ranks[rank].previous = 1 - rank;
  }
  return job;
}

void expect_only(const std::vector<std::string>& findings, const std::string& text) {
  ASSERT_EQ(findings.size(), 1u) << ::testing::PrintToString(findings);
  EXPECT_EQ(findings[0], text);
}

TEST(VerifyJob, FindsNothingWhenEveryMessageMeets) {
  EXPECT_EQ(verify(two_stages(stage("a", "scrc"), stage("b", "RcSc"))), std::vector<std::string>{});
}

TEST(VerifyJob, NamesTheProgramOfAFinding) {
  Program broken = stage("b", "");
  broken.calls.push_back({.block = 9, .microbatch = 0});
  expect_only(verify(two_stages(stage("a", ""), broken)), "b: call 2: there is no block 9");
}

TEST(VerifyJob, SendsAndReceivesAgreeInSizeAndTag) {
  expect_only(
      verify(two_stages(stage("a", "s"), stage("b", "R", Bytes{32}, 1))),
      "ranks 0 and 1 do not meet: number 0 is work op 0 (send to next), microbatch 0 of 64 B "
      "(64 B) with tag 0 on the one, work op 1 (recv from previous), microbatch 0 of 32 B "
      "(32 B) with tag 1 on the other");
}

TEST(VerifyJob, NoMessageIsLeftOver) {
  expect_only(
      verify(two_stages(stage("a", "ss"), stage("b", "R"))),
      "ranks 0 and 1 do not meet: number 2 is work op 0 (send to next), microbatch 1 of 64 B "
      "(64 B) with tag 0 on the one, nothing on the other");
}

TEST(VerifyJob, TwoThatBothWaitForTheirSendFirstAreStuck) {
  // Each CPU waits for its send before it issues the receive that the other's send needs.
  expect_only(verify(two_stages(stage("a", "scr"), stage("b", "ScR"))),
              "deadlock: rank 0 in work op 0 (send to next), microbatch 0 waits for rank 1, whose "
              "CPU waits in "
              "work op 1 (host_wait), microbatch 0 for its stream send_previous; rank 1 in work op "
              "0 (send to "
              "previous), microbatch 0 waits for rank 0, whose CPU waits in work op 1 (host_wait), "
              "microbatch "
              "0 for its stream send_next");
}

TEST(VerifyJob, WithoutHostWaitsTheSameTwoPassEachOther) {
  EXPECT_EQ(verify(two_stages(stage("a", "sr"), stage("b", "SR"))), std::vector<std::string>{});
}

TEST(VerifyJob, NeighboursNameEachOther) {
  Job job = two_stages(stage("a", "s"), stage("b", "R"));
  job.ranks[1].previous = kNone;
  const std::vector<std::string> findings = verify(job);
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0], "rank 0 names rank 1 as its next, which does not name it in return");
  job.ranks[0].next = kNone;
  EXPECT_EQ(verify(job), (std::vector<std::string>{"rank 0 (a) has no next rank to talk to",
                                                   "rank 1 (b) has no previous rank to talk to"}));
}

// ---- groups
// ---------------------------------------------------------------------------------------

Program reducer(const std::vector<Bytes>& sizes, GroupRole role) {
  ProgramBuilder builder("reducer", 1);
  const BlockId block = builder.begin_block("reduce");
  for (const Bytes size : sizes)
    builder.collective(
        Stream::kData,
        {.kind = CollectiveKind::kAllReduce, .group = role, .size = size, .dtype = Dtype::kFp32},
        {});
  builder.call(block, 0);
  return std::move(builder).finish();
}

Job grouped(Program first, Program second, GroupRole role) {
  Job job = two_stages(std::move(first), std::move(second));
  job.groups = {{.role = role, .ranks = {0, 1}}};
  for (RankPlace& place : job.ranks) place.group[static_cast<int>(role)] = 0;
  return job;
}

TEST(VerifyJob, RanksOfAGroupIssueTheSameCollectivesInTheSameOrder) {
  const Program a = reducer({Bytes{8}, Bytes{4}}, GroupRole::kData);
  const Program b = reducer({Bytes{4}, Bytes{8}}, GroupRole::kData);
  EXPECT_EQ(verify(grouped(a, a, GroupRole::kData)), std::vector<std::string>{});
  expect_only(
      verify(grouped(a, b, GroupRole::kData)),
      "ranks 0 and 1 do not meet: number 0 is reduce op 0 (all_reduce over data), microbatch 0 "
      "of 8 B (8 B) fp32 on the one, reduce op 0 (all_reduce over data), microbatch 0 of 4 B "
      "(4 B) fp32 on the other");
}

TEST(VerifyJob, GroupsAndPlacesNameEachOther) {
  const Program a = reducer({Bytes{8}}, GroupRole::kData);
  Job job = grouped(a, a, GroupRole::kData);
  job.ranks[1].group[static_cast<int>(GroupRole::kData)] = kNone;
  expect_only(verify(job), "rank 1 is in group 0, which its place does not name");
  job.groups[0].ranks = {0};
  expect_only(verify(job), "rank 1 (reducer) has no data group to meet in");
  job.groups[0].ranks = {0, 0};
  expect_only(verify(job), "rank 0 is in group 0 twice");
  job.groups[0].ranks = {};
  expect_only(verify(job), "group 0 has 0 ranks, but 1 name it");
  job.groups[0] = {.role = GroupRole::kTensor, .ranks = {}};
  expect_only(verify(job), "rank 0 names group 0, which is no data group");
}

TEST(VerifyJob, CollectivesAndMessagesCanWaitForEachOther) {
  // Rank 0 reduces and then sends, rank 1 waits for the message before it reduces.
  const auto program = [](bool first) {
    ProgramBuilder builder(first ? "a" : "b", 1);
    const BufferId x = builder.resident("x", kSize, Dtype::kBf16, BufferCategory::kActivations);
    const BlockId block = builder.begin_block("work");
    const auto meet = [&] {
      builder.collective(Stream::kEmbedding,
                         {.kind = CollectiveKind::kAllReduce,
                          .group = GroupRole::kEmbedding,
                          .size = kSize,
                          .dtype = Dtype::kBf16},
                         {});
      builder.host_wait(Stream::kEmbedding);
    };
    if (first) {
      meet();
      builder.send(Stream::kSendNext, {.peer = Peer::kNext, .size = kSize, .tag = 0, .buffer = x},
                   {});
    } else {
      builder.recv(Stream::kRecvPrevious,
                   {.peer = Peer::kPrevious, .size = kSize, .tag = 0, .buffer = x}, {});
      builder.host_wait(Stream::kRecvPrevious);
      meet();
    }
    builder.call(block, 0);
    return std::move(builder).finish();
  };
  const std::vector<std::string> findings =
      verify(grouped(program(true), program(false), GroupRole::kEmbedding));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_TRUE(findings[0].starts_with("deadlock: rank 0 in work op 0 (all_reduce over embedding)"))
      << findings[0];
}

}  // namespace
}  // namespace stepcast
