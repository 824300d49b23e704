#include "sim/base/json_fields.h"

#include <gtest/gtest.h>

#include <functional>

namespace stepcast {
namespace {

constexpr std::string_view kSchedules[] = {"gpipe", "one_f_one_b", "interleaved"};

/// Problems found when `read` reads the object `text`, one per line; keys it leaves are reported.
std::string problems_of(const std::string& text, const std::function<void(Fields&)>& read) {
  Problems problems;
  const JsonDocument document = parse_json(text, "a.json");
  Fields fields(document.root(), problems);
  read(fields);
  fields.finish();
  std::string lines;
  for (const Problem& problem : problems.all())
    lines += (lines.empty() ? "" : "\n") + problem.text();
  return lines;
}

TEST(Fields, ReadsEveryType) {
  const std::string text = R"({"layers": 96, "tokens": 3e11, "share": 0.25, "tied": true,
    "name": "gpt3", "schedule": "one_f_one_b", "memory": "80 GiB", "rate": "400 Gb/s",
    "dtype": "bf16", "grade": "fitted", "links": [1, 2]})";
  EXPECT_EQ(problems_of(text,
                        [](Fields& f) {
                          EXPECT_EQ(f.integer("layers", {.min = 1}), 96);
                          EXPECT_EQ(f.integer("tokens"), 300'000'000'000);
                          EXPECT_EQ(f.number("share", {.max = 1}), 0.25);
                          EXPECT_TRUE(f.boolean("tied"));
                          EXPECT_EQ(f.text("name"), "gpt3");
                          EXPECT_EQ(f.choice("schedule", kSchedules), 1u);
                          EXPECT_EQ(f.quantity<Bytes>("memory"), Bytes(85899345920));
                          EXPECT_EQ(f.quantity<BytesPerSec>("rate"), BytesPerSec(50e9));
                          EXPECT_EQ(f.dtype("dtype"), Dtype::kBf16);
                          EXPECT_EQ(f.grade("grade", Grade::kAssumed), Grade::kFitted);
                          EXPECT_TRUE(f.has("links"));
                          EXPECT_FALSE(f.has("nodes"));
                          EXPECT_EQ(f.required_child("links")->elements().size(), 2u);
                        }),
            "");
}

TEST(Fields, DefaultsStandInForAbsentKeys) {
  EXPECT_EQ(problems_of("{}",
                        [](Fields& f) {
                          EXPECT_EQ(f.integer("a", {}, 7), 7);
                          EXPECT_EQ(f.number("b", {}, 0.5), 0.5);
                          EXPECT_TRUE(f.boolean("c", true));
                          EXPECT_EQ(f.text("d", "none"), "none");
                          EXPECT_EQ(f.choice("e", kSchedules, 2), 2u);
                          EXPECT_EQ(f.quantity("f", Seconds(3)), Seconds(3));
                          EXPECT_EQ(f.dtype("g", Dtype::kFp8), Dtype::kFp8);
                          EXPECT_EQ(f.grade("h", Grade::kMeasured), Grade::kMeasured);
                          EXPECT_FALSE(f.child("i"));
                        }),
            "");
}

TEST(Fields, AbsentRequiredKeysAreAllReportedAndReadingGoesOn) {
  const std::string report = problems_of("{}", [](Fields& f) {
    EXPECT_EQ(f.integer("a", {.min = 1, .max = 8}), 1);
    EXPECT_EQ(f.number("b", {.min = 0, .max = 1, .exclude_min = true}), 1);
    EXPECT_FALSE(f.boolean("c"));
    EXPECT_EQ(f.text("d"), "");
    EXPECT_EQ(f.choice("e", kSchedules), 0u);
    EXPECT_EQ(f.quantity<Bytes>("f"), Bytes(1));
    EXPECT_EQ(f.dtype("g"), Dtype::kFp32);
    EXPECT_FALSE(f.required_child("h"));
    EXPECT_FALSE(f.required_child("i", "a list of jobs [...]"));
  });
  EXPECT_EQ(
      report,
      "a.json:1:1: a: missing; expected a whole number from 1 to 8\n"
      "a.json:1:1: b: missing; expected a number above 0, up to 1\n"
      "a.json:1:1: c: missing; expected true or false\n"
      "a.json:1:1: d: missing; expected text in double quotes\n"
      "a.json:1:1: e: missing; expected one of \"gpipe\", \"one_f_one_b\", \"interleaved\"\n"
      "a.json:1:1: f: missing; expected a size such as \"80 GiB\"\n"
      "a.json:1:1: g: missing; expected one of \"fp32\", \"tf32\", \"fp16\", \"bf16\", \"fp8\"\n"
      "a.json:1:1: h: missing; expected an object {...}\n"
      "a.json:1:1: i: missing; expected a list of jobs [...]");
}

TEST(Fields, WrongTypesNameTheValueAndTheRule) {
  const std::string report = problems_of(
      "{\"a\": \"six\",\n\"b\": 6.5,\n\"c\": null,\n\"d\": 1,\n\"e\": [1],\n\"f\": {},"
      "\n\"g\": 900,\n\"h\": 2}",
      [](Fields& f) {
        f.integer("a");
        f.integer("b");
        f.number("c");
        f.boolean("d");
        f.text("e");
        f.choice("f", kSchedules);
        f.quantity<BytesPerSec>("g");
        f.dtype("h");
      });
  EXPECT_EQ(report,
            "a.json:1:2: a = \"six\" must be a whole number\n"
            "a.json:2:1: b = 6.5 must be a whole number\n"
            "a.json:3:1: c = null must be a number\n"
            "a.json:4:1: d = 1 must be true or false\n"
            "a.json:5:1: e = [...] must be text in double quotes\n"
            "a.json:6:1: f = {} must be one of \"gpipe\", \"one_f_one_b\", \"interleaved\"\n"
            "a.json:7:1: g = 900 must be text with its unit, "
            "a bandwidth such as \"900 GB/s\" or \"400 Gb/s\"\n"
            "a.json:8:1: h = 2 must be one of \"fp32\", \"tf32\", \"fp16\", \"bf16\", \"fp8\"");
}

TEST(Fields, AWrongValueOfAnOptionalKeyIsAMistakeAndNotTheDefault) {
  EXPECT_EQ(problems_of("{\"a\": \"x\"}", [](Fields& f) { EXPECT_EQ(f.integer("a", {}, 7), 7); }),
            "a.json:1:2: a = \"x\" must be a whole number");
  EXPECT_EQ(problems_of("{\"a\": null}", [](Fields& f) { f.boolean("a", true); }),
            "a.json:1:2: a = null must be true or false");
}

TEST(Fields, RangesIncludeTheirEnds) {
  const auto integer = [](const std::string& value) {
    return problems_of("{\"a\": " + value + "}",
                       [](Fields& f) { f.integer("a", {.min = 1, .max = 8}); });
  };
  EXPECT_EQ(integer("1"), "");
  EXPECT_EQ(integer("8"), "");
  EXPECT_EQ(integer("0"), "a.json:1:2: a = 0 must be at least 1");
  EXPECT_EQ(integer("9"), "a.json:1:2: a = 9 must be at most 8");
  EXPECT_EQ(integer("-9223372036854775808"),
            "a.json:1:2: a = -9223372036854775808 must be at least 1");
  const auto number = [](const std::string& value) {
    return problems_of("{\"a\": " + value + "}",
                       [](Fields& f) { f.number("a", {.min = 0, .max = 1, .exclude_min = true}); });
  };
  EXPECT_EQ(number("1"), "");
  EXPECT_EQ(number("1e-300"), "");
  EXPECT_EQ(number("0"), "a.json:1:2: a = 0 must be more than 0");
  EXPECT_EQ(number("1.5"), "a.json:1:2: a = 1.5 must be at most 1");
}

TEST(Fields, QuantitiesMustBePositiveUnlessZeroIsAllowed) {
  const std::string text = "{\"a\": \"0 us\", \"b\": \"0 us\", \"c\": \"-1 us\"}";
  EXPECT_EQ(problems_of(text,
                        [](Fields& f) {
                          EXPECT_EQ(f.quantity<Seconds>("a", true), Seconds(0));
                          f.quantity<Seconds>("b");
                          f.quantity<Seconds>("c", true);
                        }),
            "a.json:1:15: b = \"0 us\" must be more than zero\n"
            "a.json:1:28: c = \"-1 us\" must not be negative");
}

TEST(Fields, WrongUnitsSayWhatToWrite) {
  EXPECT_EQ(problems_of("{\"a\": \"400 Gbps\"}", [](Fields& f) { f.quantity<BytesPerSec>("a"); }),
            "a.json:1:2: a = \"400 Gbps\" has the unit \"Gbps\"; write Gb/s or GB/s");
}

TEST(Fields, MistypedChoicesAreSuggested) {
  EXPECT_EQ(problems_of("{\"a\": \"gpip\"}", [](Fields& f) { f.choice("a", kSchedules); }),
            "a.json:1:2: a = \"gpip\" must be one of \"gpipe\", \"one_f_one_b\", \"interleaved\"; "
            "did you mean \"gpipe\"?");
}

TEST(Fields, UnknownKeysAreReportedWithASuggestionOrTheKnownKeys) {
  EXPECT_EQ(problems_of("{\"bandwidht\": \"1 GB/s\", \"colour\": 1, \"comment\": 1, "
                        "\"$schema\": \"x\"}",
                        [](Fields& f) {
                          f.quantity("bandwidth", BytesPerSec(1));
                          f.quantity("latency", Seconds(1));
                        }),
            "a.json:1:2: bandwidht: unknown key, did you mean \"bandwidth\"?\n"
            "a.json:1:25: colour: unknown key; known here: bandwidth, latency");
}

ErrorKind kind_of_error(const std::string& text, const std::function<void(Fields&)>& read) {
  Problems problems;
  const JsonDocument document = parse_json(text, "a.json");
  Fields fields(document.root(), problems);
  read(fields);
  fields.finish();
  try {
    problems.raise_if_any();
  } catch (const Error& error) {
    return error.kind();
  }
  return ErrorKind::kInternal;
}

TEST(Fields, WhatIsNotModelledIsNoMistakeInTheFile) {
  const auto read = [](Fields& f) { f.not_modelled("cp", 1, "context parallelism"); };
  EXPECT_EQ(problems_of("{}", read), "");
  EXPECT_EQ(problems_of("{\"cp\": 1}", read), "");
  EXPECT_EQ(problems_of("{\"cp\": 2}", read),
            "a.json:1:2: cp = 2: context parallelism is not modelled; leave it out");
  EXPECT_EQ(kind_of_error("{\"cp\": 2}", read), ErrorKind::kUnsupported);
  EXPECT_EQ(kind_of_error("{\"cp\": 2, \"unknown\": 1}", read), ErrorKind::kInput);
}

TEST(Fields, ManyUnknownKeysAreCounted) {
  std::string text = "{";
  for (int i = 0; i < 30; ++i) text += (i > 0 ? ", \"k" : "\"k") + std::to_string(i) + "\": 0";
  const std::string report = problems_of(text + "}", [](Fields& f) { f.boolean("x", true); });
  EXPECT_TRUE(report.ends_with("a.json:1:1: document: 10 more unknown keys")) << report;
}

TEST(Fields, AllMistakesOfAFileAreOneErrorWithPaths) {
  Problems problems;
  const JsonDocument document = parse_json(
      "{\n"
      "  \"plan\": {\"tp\": 0},\n"
      "  \"links\": [{\"bandwidth\": \"1 GB/s\"}, {\"bandwidht\": \"1 GB/s\"}, 3]\n"
      "}",
      "scenarios/a.json");
  Fields fields(document.root(), problems);
  Fields plan(fields.required_child("plan").value(), problems);
  plan.integer("tp", {.min = 1});
  plan.finish();
  for (const JsonValue& link : fields.required_child("links")->elements()) {
    Fields one(link, problems);
    one.quantity<BytesPerSec>("bandwidth");
    one.finish();
  }
  fields.finish();
  EXPECT_EQ(problems.all().size(), 4u);
  try {
    problems.raise_if_any();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_STREQ(
        error.what(),
        "scenarios/a.json:2:12: plan.tp = 0 must be at least 1\n"
        "scenarios/a.json:3:38: links[1].bandwidth: missing; expected a bandwidth such as "
        "\"900 GB/s\" or \"400 Gb/s\"\n"
        "scenarios/a.json:3:39: links[1].bandwidht: unknown key, did you mean \"bandwidth\"?\n"
        "scenarios/a.json:3:63: links[2] = 3 must be an object {...}");
  }
}

TEST(Fields, RejectSpeaksOfTheValueOrOfTheObject) {
  EXPECT_EQ(problems_of("{\"plan\": 6}",
                        [](Fields& f) {
                          f.integer("plan");
                          f.reject("plan", "= 6 must divide 32");
                          f.reject("absent", ": give this or \"plan\", not both");
                        }),
            "a.json:1:2: plan = 6 must divide 32\n"
            "a.json:1:1: absent: give this or \"plan\", not both");
}

TEST(Fields, WhatIsNoObjectIsReportedOnce) {
  EXPECT_EQ(problems_of("[1]",
                        [](Fields& f) {
                          f.integer("a");
                          f.text("b");
                          f.required_child("c");
                        }),
            "a.json:1:1: document = [...] must be an object {...}");
}

TEST(Problems, NothingIsRaisedWithoutAProblem) {
  Problems problems;
  EXPECT_TRUE(problems.empty());
  EXPECT_NO_THROW(problems.raise_if_any());
  problems.add({.message = "no"});
  try {
    problems.raise_if_any(ErrorKind::kInfeasible);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInfeasible);
  }
}

}  // namespace
}  // namespace stepcast
