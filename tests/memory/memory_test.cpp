// The walk against numbers worked out by hand, and against a slow oracle that keeps every live
// instance in a map.
#include "sim/memory/memory.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "sim/base/error.h"
#include "sim/program/builder.h"
#include "sim/program/verify.h"

namespace stepcast {
namespace {

using Category = BufferCategory;
constexpr auto kActivations = static_cast<int>(Category::kActivations);
constexpr auto kParameters = static_cast<int>(Category::kParameters);
constexpr auto kWorkspace = static_cast<int>(Category::kWorkspace);

/// Two microbatches, both forward before both backward.
Program two_in_flight() {
  ProgramBuilder builder("stage 0", 2);
  builder.resident("layer0.weight", Bytes{1000}, Dtype::kBf16, Category::kParameters);
  builder.resident("layer1.weight", Bytes{1000}, Dtype::kBf16, Category::kParameters);
  const BufferId x = builder.buffer("layer0.x", Bytes{600}, Dtype::kBf16, Category::kActivations);
  const BufferId logits = builder.buffer("logits", Bytes{5000}, Dtype::kFp32, Category::kWorkspace);
  const BlockId forward = builder.begin_block("forward");
  builder.alloc(x);
  const BlockId backward = builder.begin_block("backward");
  builder.alloc(logits);
  builder.free(logits);
  builder.free(x);
  for (const BlockId block : {forward, backward})
    for (std::uint32_t m = 0; m < 2; ++m) builder.call(block, m);
  return std::move(builder).finish();
}

TEST(WalkMemory, FindsThePeakAndItsOwner) {
  // Rounded to 512: weights 2 x 1024, x 1024 per microbatch, logits 5120. The peak is the first
  // backward: 2048 + 2 * 1024 + 5120 = 9216.
  const PeakMemory peak = walk_memory(two_in_flight());
  EXPECT_EQ(peak.total, Bytes{9216});
  EXPECT_EQ(peak.at_peak[kParameters], Bytes{2048});
  EXPECT_EQ(peak.at_peak[kActivations], Bytes{2048});
  EXPECT_EQ(peak.at_peak[kWorkspace], Bytes{5120});
  EXPECT_EQ(peak.resident_total, Bytes{2048});
  EXPECT_EQ(peak.resident[kParameters], Bytes{2048});
  EXPECT_EQ(peak.call, 2u);
  EXPECT_EQ(peak.op, 0u);
  EXPECT_EQ(peak.cause, "backward, microbatch 0: alloc logits");
  const std::vector<std::pair<std::string, Bytes>> largest = {
      {"logits", Bytes{5120}}, {"layer*.weight", Bytes{2048}}, {"layer*.x", Bytes{2048}}};
  EXPECT_EQ(peak.largest, largest);
}

TEST(WalkMemory, FollowsTheCallsOneByOne) {
  const std::vector<Bytes> expected = {Bytes{3072}, Bytes{4096}, Bytes{3072}, Bytes{2048}};
  EXPECT_EQ(memory_by_call(two_in_flight()), expected);
}

TEST(WalkMemory, IsExactWithoutRounding) {
  EXPECT_EQ(walk_memory(two_in_flight(), Bytes{1}).total, Bytes{2000 + 2 * 600 + 5000});
}

TEST(WalkMemory, AProgramThatAllocatesNothingPeaksAtItsResidentBuffers) {
  ProgramBuilder builder("p", 1);
  builder.resident("w", Bytes{512}, Dtype::kBf16, Category::kParameters);
  builder.call(builder.begin_block("empty"), 0);
  const PeakMemory peak = walk_memory(std::move(builder).finish());
  EXPECT_EQ(peak.total, Bytes{512});
  EXPECT_EQ(peak.cause, "resident buffers");
}

TEST(WalkMemory, RefusesSumsBeyond63Bits) {
  ProgramBuilder builder("p", 1);
  for (int i = 0; i < 2; ++i)
    builder.resident("w", Bytes{std::int64_t{5} << 60}, Dtype::kBf16, Category::kParameters);
  EXPECT_THROW(walk_memory(std::move(builder).finish()), Error);
}

// ---- random programs against the oracle ---------------------------------------------------------

/// Blocks with buffers that live inside the block, across blocks of a microbatch, and across the
/// step.
Program random_program(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto upto = [&](std::uint32_t n) { return random() % n; };
  const std::uint32_t microbatches = 1 + upto(6);
  ProgramBuilder builder("random", microbatches);
  const auto category = [&] { return static_cast<Category>(upto(kNumBufferCategories)); };
  const auto size = [&] { return Bytes{static_cast<std::int64_t>(upto(100'000))}; };
  const auto name = [&] { return "layer" + std::to_string(upto(30)) + "." + "abc"[upto(3)]; };
  for (std::uint32_t i = 0; i < upto(4); ++i)
    builder.resident(name(), size(), Dtype::kBf16, category());

  std::vector<BufferId> kept;
  std::vector<BlockId> blocks = {builder.begin_block("forward"), 0};
  for (std::uint32_t i = 0; i < upto(8); ++i) {
    const BufferId inner = builder.buffer(name(), size(), Dtype::kBf16, category());
    builder.alloc(inner);
    if (upto(2) == 0) {
      kept.push_back(builder.buffer(name(), size(), Dtype::kBf16, category()));
      builder.alloc(kept.back());
    }
    builder.free(inner);
  }
  blocks[1] = builder.begin_block("backward");
  const BufferId step = builder.buffer("step", size(), Dtype::kFp32, category(), Scope::kStep);
  while (!kept.empty()) {
    const BufferId inner = builder.buffer(name(), size(), Dtype::kBf16, category());
    builder.alloc(inner);
    builder.free(kept.back());
    kept.pop_back();
    builder.free(inner);
  }
  const BlockId begin = builder.begin_block("begin"), end = builder.begin_block("unused");
  builder.call(begin, 0);
  std::uint32_t forward = 0, backward = 0;
  while (backward < microbatches)
    if (forward < microbatches && (forward == backward || upto(2) == 0))
      builder.call(blocks[0], forward++);
    else
      builder.call(blocks[1], backward++);
  const BlockId update = builder.begin_block("update");
  builder.alloc(step);
  builder.free(step);
  builder.call(update, 0);
  builder.call(end, 0);
  return std::move(builder).finish();
}

struct Oracle {
  std::int64_t peak = 0;
  std::map<int, std::int64_t> by_category;
  std::uint32_t call = 0, op = 0;
  std::vector<Bytes> after_call;
};

Oracle brute_force(const Program& program, std::int64_t rounding) {
  std::map<std::pair<BufferId, std::uint32_t>, std::int64_t> live;
  const auto round = [&](Bytes size) {
    return (size.value() + rounding - 1) / rounding * rounding;
  };
  const auto sum = [&] {
    std::int64_t total = 0;
    for (const auto& [instance, size] : live) total += size;
    return total;
  };
  Oracle oracle;
  const auto look = [&](std::uint32_t call, std::uint32_t op) {
    if (sum() <= oracle.peak) return;
    oracle.peak = sum();
    oracle.call = call;
    oracle.op = op;
    oracle.by_category.clear();
    for (const auto& [instance, size] : live)
      oracle.by_category[static_cast<int>(program.buffers[instance.first].category)] += size;
  };
  for (BufferId id = 0; id < program.buffers.size(); ++id)
    if (program.buffers[id].resident) live[{id, 0}] = round(program.buffers[id].size);
  look(0, 0);
  for (std::uint32_t c = 0; c < program.calls.size(); ++c) {
    const Call& call = program.calls[c];
    const std::vector<Op>& ops = program.blocks[call.block].ops;
    for (std::uint32_t o = 0; o < ops.size(); ++o) {
      if (const Alloc* alloc = std::get_if<Alloc>(&ops[o].what))
        live[{alloc->buffer, call.microbatch}] = round(program.buffers[alloc->buffer].size);
      if (const Free* free = std::get_if<Free>(&ops[o].what))
        live.erase({free->buffer, call.microbatch});
      look(c, o);
    }
    oracle.after_call.push_back(Bytes{sum()});
  }
  return oracle;
}

TEST(WalkMemory, AgreesWithBruteForceOnRandomPrograms) {
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Program program = random_program(seed);
    ASSERT_EQ(verify(program), std::vector<std::string>{});
    const std::int64_t rounding = seed % 2 == 0 ? 512 : 1;
    const Oracle oracle = brute_force(program, rounding);
    const PeakMemory peak = walk_memory(program, Bytes{rounding});
    EXPECT_EQ(peak.total.value(), oracle.peak);
    EXPECT_EQ(peak.call, oracle.call);
    EXPECT_EQ(peak.op, oracle.op);
    std::int64_t largest = 0;
    for (int c = 0; c < kNumBufferCategories; ++c) {
      const auto found = oracle.by_category.find(c);
      EXPECT_EQ(peak.at_peak[c].value(), found == oracle.by_category.end() ? 0 : found->second);
    }
    for (const auto& [name, size] : peak.largest) largest += size.value();
    EXPECT_LE(largest, oracle.peak);
    EXPECT_EQ(memory_by_call(program, Bytes{rounding}), oracle.after_call);
  }
}

}  // namespace
}  // namespace stepcast
