// The verifier's linear algorithms against slow ones that follow the definitions, on random
// programs.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "sim/program/builder.h"
#include "sim/program/rendezvous.h"
#include "sim/program/verify.h"

namespace stepcast {
namespace {

/// An op of the expanded program, with the signals that its waits refer to.
struct FlatOp {
  const Op* op = nullptr;
  std::vector<std::size_t> after;  ///< indices of the ops whose events it waits for
};

std::vector<FlatOp> expand(const Program& program) {
  std::vector<FlatOp> flat;
  std::map<std::pair<EventId, std::uint32_t>, std::size_t> signalled;
  for (const Call& call : program.calls)
    for (const Op& op : program.blocks[call.block].ops) {
      const auto instance = [&](EventId id) {
        const bool once = program.events[id].scope == Scope::kStep;
        return std::pair{id, once ? 0 : call.microbatch};
      };
      FlatOp next{.op = &op, .after = {}};
      for (const EventId event : op.waits_for)
        if (const auto found = signalled.find(instance(event)); found != signalled.end())
          next.after.push_back(found->second);
      if (op.signals != kNone) signalled[instance(op.signals)] = flat.size();
      flat.push_back(std::move(next));
    }
  return flat;
}

bool is_host_wait(const FlatOp& op) { return std::holds_alternative<HostWait>(op.op->what); }

// ---- races: every pair of accesses must be connected in the graph of order
// ------------------------

/// ordered[a][b]: op a has surely ended before op b starts. Transitive closure by Floyd and
/// Warshall.
std::vector<std::vector<bool>> order_of(const std::vector<FlatOp>& flat) {
  const std::size_t n = flat.size();
  std::vector<std::vector<bool>> ordered(n, std::vector<bool>(n));
  for (std::size_t b = 0; b < n; ++b) {
    for (const std::size_t a : flat[b].after) ordered[a][b] = true;
    for (std::size_t a = 0; a < b; ++a)  // of one stream, or held back by the CPU
      if (flat[a].op->stream == flat[b].op->stream || is_host_wait(flat[a])) ordered[a][b] = true;
  }
  // A wait for a signal that was overtaken by nothing later can only point backwards: a < b
  // throughout.
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t a = 0; a < k; ++a)
      if (ordered[a][k])
        for (std::size_t b = k + 1; b < n; ++b)
          if (ordered[k][b]) ordered[a][b] = true;
  return ordered;
}

bool has_race(const Program& program) {
  const std::vector<FlatOp> flat = expand(program);
  const auto ordered = order_of(flat);
  const auto touches = [](const Collective& op, View CollectivePart::*side, BufferId id) {
    return std::any_of(op.parts.begin(), op.parts.end(),
                       [&](const CollectivePart& part) { return (part.*side).buffer == id; });
  };
  for (std::size_t b = 0; b < flat.size(); ++b)
    for (std::size_t a = 0; a < b; ++a) {
      const Collective* first = std::get_if<Collective>(&flat[a].op->what);
      const Collective* second = std::get_if<Collective>(&flat[b].op->what);
      if (!first || !second || ordered[a][b]) continue;
      for (BufferId id = 0; id < program.buffers.size(); ++id) {
        const bool writes_a = touches(*first, &CollectivePart::to, id);
        const bool writes_b = touches(*second, &CollectivePart::to, id);
        const bool reads_a = touches(*first, &CollectivePart::from, id);
        const bool reads_b = touches(*second, &CollectivePart::from, id);
        if ((writes_a && (writes_b || reads_b)) || (reads_a && writes_b)) return true;
      }
    }
  return false;
}

/// Collectives on random streams over a few resident buffers, with events that were signalled
/// before.
Program random_accesses(std::mt19937& random) {
  const auto upto = [&](std::uint32_t n) { return random() % n; };
  ProgramBuilder builder("random", 2);
  for (int i = 0; i < 3; ++i)
    builder.resident("x", Bytes{1}, Dtype::kBf16, BufferCategory::kActivations);
  std::vector<EventId> events;
  const BlockId block = builder.begin_block("b");
  const std::uint32_t streams = 2 + upto(2), ops = 3 + upto(6);
  for (std::uint32_t i = 0; i < ops; ++i) {
    const Stream stream{static_cast<std::uint8_t>(upto(streams))};
    if (upto(10) == 0) {
      builder.host_wait(stream);
      continue;
    }
    ProgramBuilder::Order order;
    if (!events.empty()) order.waits_for.push_back(events[upto(events.size())]);
    if (events.empty() || upto(2) == 0) {
      events.push_back(builder.event("e", upto(2) == 0 ? Scope::kStep : Scope::kMicrobatch));
      order.signals = events.back();
    }
    Collective access{.kind = CollectiveKind::kAllReduce,
                      .group = GroupRole::kData,
                      .size = Bytes{1},
                      .dtype = Dtype::kBf16};
    CollectivePart& part = access.parts.emplace_back();
    (upto(3) == 0 ? part.to : part.from) = builder.whole(upto(3));
    builder.collective(stream, access, order);
  }
  builder.call(block, 0);
  builder.call(block, 1);
  return std::move(builder).finish();
}

TEST(VerifyProgram, AgreesWithTheTransitiveClosureOnRandomPrograms) {
  std::mt19937 random(1);
  int races = 0;
  for (int round = 0; round < 3000; ++round) {
    const Program program = random_accesses(random);
    const bool race = has_race(program);
    EXPECT_EQ(!verify(program).empty(), race) << round;
    races += race ? 1 : 0;
  }
  EXPECT_GT(races, 500);  // both answers are met often
  EXPECT_LT(races, 2500);
}

// ---- deadlocks: repeat until nothing more ends
// ------------------------------------------------------

/// Do all ops of all ranks of the ring end? Looks at every op again and again.
bool ends(const Job& job) {
  const std::size_t ranks = job.ranks.size();
  std::vector<std::vector<FlatOp>> flat;
  for (const RankPlace& place : job.ranks) flat.push_back(expand(job.programs[place.program]));
  std::vector<std::vector<bool>> done;
  for (const auto& ops : flat) done.emplace_back(ops.size());

  // May op i of rank r start, as far as its own rank is concerned?
  const auto startable = [&](std::size_t r, std::size_t i) {
    for (std::size_t before = 0; before < i; ++before)
      if (!done[r][before] &&
          (is_host_wait(flat[r][before]) || flat[r][before].op->stream == flat[r][i].op->stream))
        return false;
    return std::all_of(flat[r][i].after.begin(), flat[r][i].after.end(),
                       [&](std::size_t a) { return done[r][a]; });
  };
  // The number-th op of a lane on rank r.
  const auto nth = [&](std::size_t r, Lane lane, std::size_t number) {
    for (std::size_t i = 0; i < flat[r].size(); ++i)
      if (lane_of(*flat[r][i].op) == lane && number-- == 0) return i;
    return flat[r].size();
  };
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t r = 0; r < ranks; ++r)
      for (std::size_t i = 0; i < flat[r].size(); ++i) {
        if (done[r][i] || !startable(r, i)) continue;
        const auto lane = lane_of(*flat[r][i].op);
        if (lane) {
          std::size_t number = 0;
          for (std::size_t k = 0; k < i; ++k) number += lane_of(*flat[r][k].op) == lane ? 1 : 0;
          const bool next = lane == Lane::kSendNext || lane == Lane::kRecvNext;
          const std::size_t other = next ? job.ranks[r].next : job.ranks[r].previous;
          const std::size_t j = nth(other, opposite(*lane), number);
          if (!startable(other, j)) continue;
          done[other][j] = true;
        }
        done[r][i] = moved = true;
      }
  }
  for (const auto& ops : done)
    if (std::find(ops.begin(), ops.end(), false) != ops.end()) return false;
  return true;
}

/// Messages to the next rank and back in a random order, on one stream or on a stream of their own.
Program random_stage(std::mt19937& random, std::uint32_t forward, std::uint32_t back) {
  const auto upto = [&](std::uint32_t n) { return random() % n; };
  std::vector<Lane> lanes(forward, Lane::kSendNext);
  lanes.insert(lanes.end(), forward, Lane::kRecvPrevious);
  lanes.insert(lanes.end(), back, Lane::kSendPrevious);
  lanes.insert(lanes.end(), back, Lane::kRecvNext);
  for (std::size_t i = lanes.size(); i > 1; --i) std::swap(lanes[i - 1], lanes[upto(i)]);

  ProgramBuilder builder("random", 2);
  const BufferId x = builder.resident("x", Bytes{1}, Dtype::kBf16, BufferCategory::kActivations);
  const BlockId block = builder.begin_block("b");
  std::vector<EventId> events;
  for (const Lane lane : lanes) {
    ProgramBuilder::Order order;
    if (!events.empty() && upto(4) == 0) order.waits_for.push_back(events[upto(events.size())]);
    if (upto(2) == 0) order.signals = events.emplace_back(builder.event("e"));
    const Stream stream =
        upto(4) == 0 ? Stream::kCompute : static_cast<Stream>(static_cast<int>(lane));
    const Peer peer =
        lane == Lane::kSendNext || lane == Lane::kRecvNext ? Peer::kNext : Peer::kPrevious;
    if (lane == Lane::kSendNext || lane == Lane::kSendPrevious)
      builder.send(stream, {.peer = peer, .size = Bytes{1}, .tag = 0, .buffer = x}, order);
    else
      builder.recv(stream, {.peer = peer, .size = Bytes{1}, .tag = 0, .buffer = x}, order);
    if (upto(12) == 0) builder.host_wait(stream);
  }
  builder.call(block, 0);
  builder.call(block, 1);
  return std::move(builder).finish();
}

TEST(Rendezvous, AgreesWithBruteForceOnRandomPipelines) {
  std::mt19937 random(2);
  int stuck = 0;
  for (int round = 0; round < 2000; ++round) {
    const std::uint32_t ranks = 2 + random() % 3;
    const std::uint32_t forward = 1 + random() % 2, back = random() % 2;
    Job job;
    std::vector<Rank> pipeline;
    for (Rank rank = 0; rank < ranks; ++rank) {
      job.programs.push_back(random_stage(random, forward, back));
      job.ranks.push_back(
          {.program = rank, .next = (rank + 1) % ranks, .previous = (rank + ranks - 1) % ranks});
      pipeline.push_back(rank);
    }
    Rendezvous rendezvous(job, pipeline);
    rendezvous.run();
    ASSERT_EQ(rendezvous.finished(), ends(job)) << round;
    if (rendezvous.finished()) continue;
    ++stuck;
    EXPECT_NE(rendezvous.describe_stuck().find("waits for"), std::string::npos);
  }
  EXPECT_GT(stuck, 100);  // both answers are met often
  EXPECT_LT(stuck, 1900);
}

}  // namespace
}  // namespace stepcast
