#include "sim/trace/chrome_trace.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "sim/base/json_document.h"
#include "sim/program/builder.h"

namespace stepcast {
namespace {

constexpr Kernel kKernel = {
    .kind = KernelKind::kGemmForward, .dtype = Dtype::kFp16, .dims = {8, 8, 8}};

/// A stage that computes and sends, or receives and computes; one block, called twice.
Program stage(bool first) {
  ProgramBuilder builder(first ? "first \"stage\"" : "last stage", 2);
  const BufferId x = builder.buffer("x", Bytes{128}, Dtype::kFp16, BufferCategory::kCommunication,
                                    Scope::kMicrobatch);
  const BlockId block = builder.begin_block("forward");
  builder.set_origin({.phase = Phase::kForward, .layer = 3});
  builder.alloc(x);
  if (first) {
    builder.compute(kKernel, {}, {x});
    builder.send(Stream::kSendNext,
                 {.peer = Peer::kNext, .size = Bytes{128}, .tag = 7, .buffer = x}, {});
  } else {
    builder.recv(Stream::kRecvPrevious,
                 {.peer = Peer::kPrevious, .size = Bytes{128}, .tag = 7, .buffer = x}, {});
    builder.compute(kKernel, {x}, {});
  }
  builder.free(x);
  builder.call(block, 0);
  builder.call(block, 1);
  return std::move(builder).finish();
}

/// Ranks 0 -> 1.
Job two_stages() {
  Job job;
  job.programs = {stage(true), stage(false)};
  job.ranks.resize(2);
  job.ranks[1].program = 1;
  job.ranks[0].next = job.ranks[0].previous = 1;
  job.ranks[1].next = job.ranks[1].previous = 0;
  return job;
}

Span span(Rank rank, std::uint32_t call, std::uint32_t op, double begin, double end) {
  return {.rank = rank, .call = call, .op = op, .begin = Seconds(begin), .end = Seconds(end)};
}

/// Two microbatches through both stages. Ops 1 and 2 of a block take time; times in seconds.
Trace pipeline() {
  return {{span(0, 0, 1, 0, 1e-6), span(0, 0, 2, 1e-6, 2.5e-6), span(0, 1, 1, 1e-6, 2e-6),
           span(0, 1, 2, 2.5e-6, 4e-6), span(1, 0, 1, 0, 2.5e-6), span(1, 0, 2, 2.5e-6, 3.5e-6),
           span(1, 1, 1, 2.5e-6, 4e-6), span(1, 1, 2, 4e-6, 5e-6)}};
}

std::vector<JsonValue> events(const std::string& text) {
  return parse_json(text, "trace").root().member("traceEvents")->elements();
}

std::vector<JsonValue> events(const std::string& text, const std::string& phase) {
  std::vector<JsonValue> chosen;
  for (const JsonValue& event : events(text))
    if (event.member("ph")->as_string() == phase) chosen.push_back(event);
  return chosen;
}

double number(const JsonValue& event, const char* key) { return *event.member(key)->as_number(); }

TEST(ChromeTrace, EveryEventSaysWhoAndWhenInWholeNumbersAndMicroseconds) {
  const std::string text = chrome_trace(two_stages(), pipeline(), {});
  EXPECT_FALSE(events(text).empty());
  for (const JsonValue& event : events(text)) {
    EXPECT_TRUE(event.member("pid")->as_integer());
    const bool metadata = event.member("ph")->as_string() == "M";
    EXPECT_TRUE(metadata || event.member("ts")->as_number());
    const bool slice = event.member("ph")->as_string() == "X";
    EXPECT_TRUE(!slice || event.member("tid")->as_integer());
  }
}

TEST(ChromeTrace, ASliceNamesItsKernelPhaseMicrobatchAndLayer) {
  const std::vector<JsonValue> slices = events(chrome_trace(two_stages(), pipeline(), {}), "X");
  ASSERT_EQ(slices.size(), 8u);
  const JsonValue& kernel = slices[2];  // rank 0, second call, op 1
  EXPECT_EQ(kernel.member("name")->as_string(), "gemm_forward");
  EXPECT_EQ(number(kernel, "ts"), 1.0);
  EXPECT_EQ(number(kernel, "dur"), 1.0);
  const JsonValue arguments = *kernel.member("args");
  EXPECT_EQ(arguments.member("phase")->as_string(), "forward");
  EXPECT_EQ(number(arguments, "microbatch"), 1);
  EXPECT_EQ(number(arguments, "layer"), 3);
  EXPECT_EQ(arguments.member("kernel")->as_string(), to_text(kKernel));
  EXPECT_EQ(number(*slices[1].member("args"), "bytes"), 128);
}

TEST(ChromeTrace, TracksCarryTheNamesOfProgramsAndStreams) {
  std::set<std::string> names;
  for (const JsonValue& event : events(chrome_trace(two_stages(), pipeline(), {}), "M"))
    if (const auto name = event.member("args")->member("name")) names.insert(*name->as_string());
  EXPECT_EQ(names, (std::set<std::string>{"rank 0, first \"stage\"", "rank 1, last stage",
                                          "compute", "send to next", "receive from previous"}));
}

TEST(ChromeTrace, SlicesOfATrackNeverOverlap) {
  // Awkward times: rounded on their own, lengths would exceed the gaps.
  Trace trace;
  double at = 0.0006e-6;
  for (std::uint32_t call = 0; call < 2; ++call)
    for (int i = 0; i < 500; ++i) {
      trace.spans.push_back(span(0, call, 1, at, at + 0.9998e-6));
      at += 0.9998e-6;
    }
  double end = 0;
  for (const JsonValue& slice : events(chrome_trace(two_stages(), trace, {}), "X")) {
    EXPECT_GE(number(slice, "ts"), end - 1e-9);
    end = number(slice, "ts") + number(slice, "dur");
  }
  EXPECT_NEAR(end, at * 1e6, 1e-3);
}

TEST(ChromeTrace, ArrowsPairTheKthSendWithTheKthReceive) {
  const std::string text = chrome_trace(two_stages(), pipeline(), {});
  const std::vector<JsonValue> starts = events(text, "s"), ends = events(text, "f");
  ASSERT_EQ(starts.size(), 2u);
  ASSERT_EQ(ends.size(), 2u);
  std::map<double, JsonValue> end_of;
  for (const JsonValue& end : ends) end_of.emplace(number(end, "id"), end);
  // First message: sent at 1 us, there at 2.5 us; second: 2.5 us and 4 us. Arrows end a nanosecond
  // early, inside their slice.
  EXPECT_EQ(number(starts[0], "ts"), 1.0);
  EXPECT_EQ(number(end_of.at(number(starts[0], "id")), "ts"), 2.499);
  EXPECT_EQ(number(starts[1], "ts"), 2.5);
  EXPECT_EQ(number(end_of.at(number(starts[1], "id")), "ts"), 3.999);
  EXPECT_EQ(number(starts[0], "pid"), 0);
  EXPECT_EQ(number(ends[0], "pid"), 1);
}

TEST(ChromeTrace, ArrowsToRanksThatWereNotDrawnAreLeftOut) {
  Trace only_first;
  for (const Span& one : pipeline().spans)
    if (one.rank == 0) only_first.spans.push_back(one);
  const std::string text = chrome_trace(two_stages(), only_first, {});
  EXPECT_EQ(events(text, "X").size(), 4u);
  EXPECT_TRUE(events(text, "s").empty());
}

TEST(ChromeTrace, MemoryIsACounterAtTheEndOfEachCall) {
  const std::vector<std::vector<Bytes>> memory = {{Bytes{512}, Bytes{1024}}, {Bytes{1}, Bytes{2}}};
  const std::vector<JsonValue> counters =
      events(chrome_trace(two_stages(), pipeline(), memory), "C");
  ASSERT_EQ(counters.size(), 4u);
  EXPECT_EQ(number(counters[0], "ts"), 2.5);  // rank 0, call 0: its send ends last
  EXPECT_EQ(number(*counters[0].member("args"), "bytes"), 512);
  EXPECT_EQ(number(counters[1], "ts"), 4.0);
  EXPECT_EQ(number(*counters[3].member("args"), "bytes"), 2);
}

TEST(ChromeTrace, AnEmptyTraceIsStillADocument) {
  EXPECT_TRUE(events(chrome_trace(two_stages(), {}, {})).empty());
}

}  // namespace
}  // namespace stepcast
