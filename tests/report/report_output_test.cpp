// The two faces of a report: a page for people, a document for programs.
#include <gtest/gtest.h>

#include "sim/base/json_document.h"
#include "sim/report/report_json.h"
#include "sim/report/report_text.h"
#include "tests/report/small_report.h"

namespace stepcast {
namespace {

void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << part << " in\n" << text;
}

TEST(ReportTable, BeginsWithWhatWasAskedAndEndsWithMemory) {
  const SmallReport small = small_report();
  const std::string text = report_table(small.scenario, small.report());
  expect_parts(
      text, {"small\n", "tiny on 16 x toy (pair), plain", "global batch 100 x 1000 tokens",
             "step time       10.0 s", "fitted", "tokens/s        10,000", "model 5.6 %",
             "gemm                            40.0 %", "pipeline bubble", "stage 0 of 1", "fits"});
  EXPECT_EQ(text.find("published"), std::string::npos) << "nothing was published";
}

TEST(ReportTable, ShowsThePublishedTimeBesideThePredictedOne) {
  SmallReport small = small_report();
  small.scenario.published = {
      .step_time = Seconds(8), .peak_memory = Bytes{1 << 30}, .source = "a paper"};
  expect_parts(report_table(small.scenario, small.report()),
               {"  published       8.00 s, predicted +25.0 %\n", "published 1.00 GiB"});
}

TEST(ReportTable, SaysWhosePricesTheyAreAndLeavesOutWhatHasNone) {
  SmallReport small = small_report();
  small.scenario.topology.price_per_gpu_hour = {};
  small.scenario.topology.electricity_price = {};
  const std::string free = report_table(small.scenario, small.report());
  EXPECT_EQ(free.find("USD"), std::string::npos) << free;
  expect_parts(free, {"no prices given"});
  small.scenario.topology.price_per_gpu_hour = DollarsPerHour(3600.0 / 16);
  expect_parts(report_table(small.scenario, small.report()),
               {"10.0 USD rent", "(prices assumed: see the topology)"});
  small.scenario.own_prices = true;
  expect_parts(report_table(small.scenario, small.report()), {"(prices: the scenario's)"});
}

TEST(ReportTable, FitsOnEightyColumns) {
  SmallReport small = small_report();
  small.scenario.plan = {.tp = 8, .pp = 16, .dp = 128, .sequence_parallel = true, .zero_stage = 1};
  small.scenario.plan.schedule = "interleaved";
  small.scenario.plan.virtual_stages = 4;
  Report report = small.report();
  report.warning = "words of a warning that is long enough to go over to another line of the page";
  report.rent_per_step = Dollars(1234);
  report.memory[0].name = "stage 10 of 16";
  report.memory[0].fit = Fit::kDoesNotFit;
  const std::string text = report_table(small.scenario, report);
  for (std::size_t at = 0, end = 0; at < text.size(); at = end + 1) {
    end = text.find('\n', at);
    EXPECT_LE(end - at, 80u) << text.substr(at, end - at);
  }
  expect_parts(text,
               {"tp 8, pp 16, dp 128, virtual_stages 4, ", "\n  sequence_parallel, zero_stage 1, ",
                "enough to go over to another\n                  line of the page\n"});
}

TEST(ReportTable, NoLineEndsInBlanks) {
  const SmallReport small = small_report();
  const std::string text = report_table(small.scenario, small.report());
  EXPECT_EQ(text.find(" \n"), std::string::npos) << text;
}

TEST(MemoryTable, NamesThePeakAndItsBuffers) {
  const SmallReport small = small_report();
  expect_parts(memory_table(small.scenario, small.report()),
               {"capacity 9.31 GiB", "peak of stage 0 of 1: forward, microbatch 1: alloc layer0.x",
                "layer*.x", "layer*.weight"});
}

TEST(ReportJson, FiguresAreThoseOfTheReport) {
  SmallReport small = small_report();
  small.scenario.published = {.step_time = Seconds(8), .peak_memory = {}, .source = "a paper"};
  const Report report = small.report();
  const JsonValue root =
      parse_json(report_json(small.scenario, small.job, small.simulation, report), "report").root();
  const auto number = [&](const char* key) { return *root.member(key)->as_number(); };
  EXPECT_EQ(root.member("schema")->as_string(), "stepcast.result/1");
  EXPECT_EQ(number("step_time_s"), 10);
  EXPECT_EQ(number("num_gpus"), 16);
  EXPECT_EQ(number("peak_memory_bytes"), static_cast<double>(report.memory[0].peak.total.value()));
  EXPECT_EQ(*root.member("published")->member("error")->as_number(), 0.25);
  EXPECT_EQ(root.member("rank_classes")->elements().size(), 2u);
  EXPECT_EQ(root.member("compute")->elements().front().member("name")->as_string(), "gemm");
}

TEST(MemoryJson, HoldsTheMemoryKeysOfTheResult) {
  const SmallReport small = small_report();
  const Report report = small.report();
  const JsonValue root = parse_json(memory_json(small.scenario, report), "memory").root();
  const JsonValue whole =
      parse_json(report_json(small.scenario, small.job, small.simulation, report), "report").root();
  for (const std::string& key : root.keys()) EXPECT_TRUE(whole.member(key)) << key;
  EXPECT_FALSE(root.member("step_time_s"));
  EXPECT_EQ(root.member("stages")->elements().size(), 1u);
}

}  // namespace
}  // namespace stepcast
