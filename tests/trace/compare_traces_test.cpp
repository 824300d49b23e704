// Traces read back and held against each other.
#include "sim/trace/compare_traces.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/base/json_document.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

std::string slice(int stream, const char* name, const char* category, double begin_us,
                  double length_us, const std::string& detail) {
  return ",\n{\"ph\":\"X\",\"name\":\"" + std::string(name) + "\",\"cat\":\"" + category +
         "\",\"pid\":0,\"tid\":" + std::to_string(stream) + ",\"ts\":" + std::to_string(begin_us) +
         ",\"dur\":" + std::to_string(length_us) +
         ",\"args\":{\"phase\":\"forward\",\"microbatch\":0,\"layer\":1," + detail + "}}";
}
std::string kernel(double begin_us, double length_us) {
  return slice(0, "gemm_forward", "kernel", begin_us, length_us,
               "\"kernel\":\"gemm_forward(m=8, n=8, k=8, fp32)\"");
}
std::string all_reduce(int stream, double begin_us, double length_us) {
  return slice(stream, "all_reduce", "collective", begin_us, length_us,
               "\"group\":\"tensor\",\"bytes\":64");
}
std::string trace(const std::string& slices) {
  return "{\"schemaVersion\":1,\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
         "{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":0,\"args\":{\"name\":\"rank 0, all\"}}" +
         slices + "\n]}\n";
}

class CompareTraces : public ::testing::Test {
 protected:
  TraceFile read(const std::string& slices, const std::string& name = "trace.json") const {
    return read_trace_file(folder_.write(name, trace(slices)));
  }
  std::string refusal(const std::string& text) const {
    try {
      read_trace_file(folder_.write("bad.json", text));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      return error.what();
    }
    ADD_FAILURE() << "was read: " << text;
    return {};
  }
  ScratchFolder folder_;
};

Seconds part(const std::vector<TracedPart>& parts, const std::string& name, bool of_a) {
  for (const TracedPart& part : parts)
    if (part.name == name) return of_a ? part.a : part.b;
  return Seconds(0);
}

TEST_F(CompareTraces, ATextReadsAsItsFileDoes) {
  const std::string slices = kernel(1, 2.5) + all_reduce(1, 2, 4);
  const TraceFile file = read(slices), text = parse_trace(trace(slices), "text");
  EXPECT_EQ(text.labels, file.labels);
  ASSERT_EQ(text.ranks.size(), 1u);
  EXPECT_EQ(text.ranks.front().slices.size(), 2u);
  EXPECT_EQ(text.end(), file.end());
  try {
    parse_trace("{}", "text");
    ADD_FAILURE() << "was read";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("text:1"), std::string::npos) << error.what();
  }
}

TEST_F(CompareTraces, TwoRunsSideBySideAreNotOneTrace) {
  const TraceFile file = read(kernel(1, 2.5));
  EXPECT_NE(refusal(side_by_side(file, file, "A", "B")).find("two runs side by side"),
            std::string::npos);
}

TEST_F(CompareTraces, ReadsBackWhatASliceSays) {
  const TraceFile file = read(kernel(1, 2.5) + all_reduce(1, 2, 4));
  ASSERT_EQ(file.ranks.size(), 1u);
  EXPECT_EQ(file.ranks[0].name, "rank 0, all");
  ASSERT_EQ(file.ranks[0].slices.size(), 2u);
  const TraceSlice& first = file.ranks[0].slices[0];
  EXPECT_EQ(first.begin, 1000);
  EXPECT_EQ(first.end, 3500);
  EXPECT_EQ(first.layer, 1);
  EXPECT_EQ(file.labels[first.label].detail, "gemm_forward(m=8, n=8, k=8, fp32)");
  EXPECT_EQ(file.begin(), 1000);
  EXPECT_EQ(file.end(), 6000);
}

TEST_F(CompareTraces, GapsGoToWhatEndedLastAndTheRestToTheCpu) {
  // A: kernel 0..10, all-reduce 8..14, CPU until 15, kernel 15..20: 4 us of it exposed, 1 us CPU.
  const TraceFile a = read(kernel(0, 10) + all_reduce(1, 8, 6) + kernel(15, 5), "a.json");
  // B: the same without a gap but for a collective on the compute stream itself.
  const TraceFile b = read(kernel(0, 10) + all_reduce(1, 8, 1) + kernel(10, 4), "b.json");
  const TraceComparison comparison = compare_traces(a, b);
  EXPECT_EQ(comparison.ops, 3u);
  EXPECT_DOUBLE_EQ(comparison.step_a.value(), 20e-6);
  EXPECT_DOUBLE_EQ(comparison.step_b.value(), 14e-6);
  EXPECT_NEAR(part(comparison.exposed, "tensor-parallel communication", true).value(), 4e-6, 1e-15);
  EXPECT_NEAR(part(comparison.exposed, "the CPU", true).value(), 1e-6, 1e-15);
  EXPECT_NEAR(part(comparison.exposed, "tensor-parallel communication", false).value(), 0, 1e-15);
  EXPECT_NEAR(part(comparison.classes, "gemm", true).value(), 15e-6, 1e-15);
  EXPECT_NEAR(part(comparison.phases, "forward", false).value(), 14e-6, 1e-15);
  ASSERT_FALSE(comparison.worst.empty());
  EXPECT_EQ(comparison.worst[0].name, "tensor-parallel communication");
}

TEST_F(CompareTraces, TransfersOnTheComputeStreamAreExposed) {
  const TraceFile file = read(kernel(0, 1) + all_reduce(0, 1, 3) + kernel(4, 1));
  const TraceComparison comparison = compare_traces(file, file);
  EXPECT_NEAR(part(comparison.exposed, "tensor-parallel communication", true).value(), 3e-6, 1e-15);
  EXPECT_TRUE(comparison.worst.empty());  // nothing differs
}

TEST_F(CompareTraces, TheFirstPlaceWhereProgramsPartIsNamed) {
  const TraceFile a = read(kernel(0, 1) + all_reduce(1, 1, 1), "a.json");
  const TraceFile b = read(kernel(0, 1), "b.json");
  try {
    compare_traces(a, b);
    ADD_FAILURE() << "compared";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("op 0 of a stream"), std::string::npos) << text;
    EXPECT_NE(text.find("all_reduce over tensor, 64 B in forward, microbatch 0, layer 1"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("has no further op"), std::string::npos) << text;
  }
}

TEST_F(CompareTraces, WhatIsNoTraceOfOursIsRefusedWithItsLine) {
  EXPECT_NE(refusal("{}").find("no trace that stepcast has written"), std::string::npos);
  EXPECT_NE(refusal(trace("")).find("holds no op"), std::string::npos);
  EXPECT_NE(refusal(trace(kernel(0, 0))).find("no length"), std::string::npos);
  const std::string whole = trace(kernel(0, 1) + kernel(1, 1));
  EXPECT_NE(refusal(whole.substr(0, whole.rfind(",\n"))).find("ends too early"), std::string::npos);
  std::string unfinished = whole;
  unfinished.replace(unfinished.find(",\"display"), 1, ",\"complete\":false,");
  EXPECT_NE(refusal(unfinished).find("did not end"), std::string::npos);
  std::string far = trace(kernel(0, 1));
  far.replace(far.find("\"tid\":0"), 7, "\"tid\":9");
  EXPECT_NE(refusal(far).find(":3: an event's \"tid\""), std::string::npos) << refusal(far);
  std::string late = trace(kernel(0, 1));
  late.replace(late.find("\"ts\":0"), 6, "\"ts\":-");
  EXPECT_FALSE(refusal(late).empty());
}

TEST_F(CompareTraces, SideBySideIsOneTraceFromACommonBegin) {
  const TraceFile a = read(kernel(5, 1), "a.json"), b = read(kernel(0, 2), "b.json");
  const JsonDocument both = parse_json(side_by_side(a, b, "predicted", "measured"), "both");
  std::vector<std::string> names;
  std::vector<double> begins;
  for (const JsonValue& event : both.root().member("traceEvents")->elements()) {
    if (event.member("name")->as_string() == "process_name")
      names.push_back(*event.member("args")->member("name")->as_string());
    if (event.member("ph")->as_string() == "X") begins.push_back(*event.member("ts")->as_number());
  }
  EXPECT_EQ(names, (std::vector<std::string>{"predicted: rank 0, all", "measured: rank 0, all"}));
  EXPECT_EQ(begins, (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace stepcast
