#include "sim/base/json_document.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace stepcast {
namespace {

/// The text of all problems; empty and a test failure when the document is accepted.
std::string refusal(const std::string& text) {
  try {
    parse_json(text, "a.json");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text.substr(0, 100);
  return "";
}

JsonValue only_element(const std::string& text) {
  return parse_json("[" + text + "]", "a.json").root().elements().at(0);
}

TEST(JsonDocument, ValuesKeepTypeOrderPathAndPlace) {
  const JsonDocument document = parse_json(
      "{\n"
      "  \"links\": [\n"
      "    {\"bandwidth\": \"9 GB/s\", \"up\": true},\n"
      "    null, -3, 2.5\n"
      "  ]\n"
      "}\n",
      "a.json");
  EXPECT_EQ(document.file(), "a.json");
  const JsonValue root = document.root();
  EXPECT_EQ(root.keys(), std::vector<std::string>{"links"});
  const std::vector<JsonValue> links = root.member("links")->elements();
  ASSERT_EQ(links.size(), 4u);
  EXPECT_EQ(links[0].keys(), (std::vector<std::string>{"bandwidth", "up"}));
  const JsonValue bandwidth = links[0].member("bandwidth").value();
  EXPECT_EQ(bandwidth.as_string(), "9 GB/s");
  EXPECT_EQ(bandwidth.problem("= 1 is odd").text(), "a.json:3:6: links[0].bandwidth = 1 is odd");
  EXPECT_EQ(links[0].member("up")->as_boolean(), true);
  EXPECT_TRUE(links[1].is_null());
  EXPECT_EQ(links[2].as_integer(), -3);
  EXPECT_EQ(links[3].as_number(), 2.5);
  EXPECT_EQ(links[3].problem("").line, 4);
  EXPECT_EQ(links[3].problem("").column, 15);
  EXPECT_FALSE(root.member("nodes"));
  EXPECT_EQ(root.problem("= 1 is odd").text(), "a.json:1:1: document = 1 is odd");
}

TEST(JsonDocument, ValuesOutliveTheDocumentObject) {
  const JsonValue value = only_element("\"kept\"");
  EXPECT_EQ(value.as_string(), "kept");
}

TEST(JsonDocument, TypesAreNeverConverted) {
  for (const char* text : {"\"1\"", "null", "[]", "{}", "true"}) {
    EXPECT_FALSE(only_element(text).as_number()) << text;
    EXPECT_FALSE(only_element(text).as_integer()) << text;
  }
  EXPECT_FALSE(only_element("1").as_string());
  EXPECT_FALSE(only_element("1").as_boolean());
  EXPECT_TRUE(only_element("1").elements().empty());
  EXPECT_TRUE(only_element("1").keys().empty());
  EXPECT_FALSE(only_element("[1]").member("0"));
}

TEST(JsonDocument, EscapesAreDecodedInKeysAndText) {
  const JsonDocument document =
      parse_json("{\"\\u0061b\": \"\\uD83D\\uDE00\\n\\\"\\\\\", \"é\": \"\\\\\"}", "a.json");
  EXPECT_EQ(document.root().member("ab")->as_string(), "😀\n\"\\");
  EXPECT_EQ(document.root().member("é")->as_string(), "\\");
}

TEST(JsonDocument, KeysThatAreNoWordsAreQuotedInPaths) {
  const JsonDocument document = parse_json("{\"a\": {\"b c\": [{\"\": 1}]}}", "a.json");
  const JsonValue inner = document.root().member("a")->member("b c")->elements()[0];
  EXPECT_EQ(inner.member("")->path(), "a[\"b c\"][0][\"\"]");
}

TEST(JsonNumbers, IntegersAreExact) {
  EXPECT_EQ(only_element("9007199254740993").as_integer(), 9007199254740993);
  EXPECT_EQ(only_element("9223372036854775807").as_integer(),
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(only_element("-9223372036854775808").as_integer(),
            std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(only_element("-0").as_integer(), 0);
}

TEST(JsonNumbers, WholeDoublesAreIntegersUpToTwoToThe53) {
  EXPECT_EQ(only_element("6.0").as_integer(), 6);
  EXPECT_EQ(only_element("3e11").as_integer(), 300'000'000'000);
  EXPECT_EQ(only_element("9007199254740992.0").as_integer(), 9007199254740992);
  EXPECT_FALSE(only_element("1e16").as_integer()) << "1e16 may stand for its neighbours";
  EXPECT_FALSE(only_element("1e300").as_integer());
  EXPECT_FALSE(only_element("6.5").as_integer());
}

TEST(JsonNumbers, RealsAreTheNearestDouble) {
  EXPECT_EQ(only_element("0.1").as_number(), 0.1);
  EXPECT_EQ(only_element("1.7976931348623157e308").as_number(), std::numeric_limits<double>::max());
  EXPECT_EQ(only_element("0." + std::string(10'000, '3')).as_number(), 1.0 / 3);
  EXPECT_TRUE(std::signbit(*only_element("-0.0").as_number()));
}

TEST(JsonNumbers, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(refusal("{\"a\": 9223372036854775808}"),
            "a.json:1:2: a = 9223372036854775808 does not fit a 64-bit integer "
            "(at most 9223372036854775807)");
  EXPECT_TRUE(refusal("[18446744073709551616]").starts_with("a.json:1:2: [0] = 1844"));
  EXPECT_EQ(refusal("[1e999]"), "a.json:1:2: 1e999 is too large for a number");
  EXPECT_EQ(refusal("[1e-400]"),
            "a.json:1:2: [0] = 1e-400 is beyond the range of a double (2.3e-308 to 1.7e308)");
}

TEST(JsonNumbers, TenThousandDigitsAreRefusedInAShortMessage) {
  const std::string message = refusal("[" + std::string(10'000, '7') + "]");
  EXPECT_EQ(message,
            "a.json:1:2: 77777777777777777777... (10000 characters) is too large for a number");
}

TEST(JsonSyntax, EachSlipHasItsSentenceAndPlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "1:1: the file is empty; expected a JSON object"},
      {" \n ", "2:2: the file is empty; expected a JSON object"},
      {"[1,]", "1:4: JSON allows no comma before a closing bracket; remove it"},
      {"{\"a\": 1,\n}", "2:1: JSON allows no comma before a closing bracket; remove it"},
      {"[1,,2]", "1:4: unexpected ','; expected a value"},
      {"[1 2]", "1:4: unexpected '2'; expected ',' or ']'"},
      {"[1}", "1:3: unexpected '}'; expected ',' or ']'"},
      {"{\"a\" 1}", "1:6: unexpected '1'; expected ':' between key and value"},
      {"{\"a\": 1 \"b\": 2}", "1:9: unexpected '\"'; expected ',' or '}'"},
      {"{a: 1}", "1:2: unexpected 'a'; expected a key in double quotes"},
      {"{\"a\": 1} x", "1:10: unexpected 'x'; expected the end of the file"},
      {"{\"a\": 'b'}", "1:7: text stands in double quotes, not in single ones"},
      {"// no\n{}", "1:1: JSON has no comments; use a \"comment\" key instead"},
      {"{\"a\": 1, # no\n\"b\": 2}", "1:10: JSON has no comments; use a \"comment\" key instead"},
      {"[NaN]", "1:2: JSON has no NaN or infinity; leave the key out instead"},
      {"[-Infinity]", "1:2: JSON has no NaN or infinity; leave the key out instead"},
      {"[True]", "1:2: JSON writes true, false and null in lower case"},
      {"[01]", "1:3: unexpected '1'; expected ',' or ']'"},
      {"[.5]", "1:2: unexpected '.5'; expected a value"},
      {"[+5]", "1:2: unexpected '+5'; expected a value"},
      {"[0x10]", "1:3: unexpected 'x10'; expected ',' or ']'"},
      {"{\"a\":", "1:6: the file ends too early; expected a value"},
      {"{\"a\": 1", "1:8: the file ends too early; expected ',' or '}'"},
      {"[\"abc", "1:6: the file ends inside text in double quotes; close the quote"},
      {"[\"a\nb\"]", "1:4: line breaks and control characters inside text must be escaped (\\n)"},
      {"[\"\\x41\"]", "1:4: unknown escape; known are \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX"},
      {"[\"\\u12G4\"]", "1:7: \\u must be followed by four hexadecimal digits"},
      {"[\"\xFF\"]", "1:3: this byte is not valid UTF-8; save the file as UTF-8"},
      {"[\"\xC0\xAF\"]", "1:3: this byte is not valid UTF-8; save the file as UTF-8"},
      {"[\"\xED\xA0\x80\"]", "1:4: this byte is not valid UTF-8; save the file as UTF-8"},
      {"\xEF\xBB\xBF{}",
       "1:1: the file begins with a byte order mark; save it as UTF-8 without one"},
      {"[\"a\\u0000b\"]", "1:2: the text holds \\u0000; remove it"},
  };
  for (const auto& [text, message] : cases)
    EXPECT_EQ(refusal(text), std::string("a.json:") + message) << text;
}

TEST(JsonSyntax, LoneSurrogatesAreRefused) {
  for (const char* text : {"[\"\\uD800\"]", "[\"\\uDC00\"]", "[\"\\uD800x\"]", "[\"\\uD800\\n\"]",
                           "[\"\\uD800\\uD800\"]", "{\"\\uDFFF\": 1}"})
    EXPECT_NE(refusal(text).find("half of a surrogate pair"), std::string::npos) << text;
}

TEST(JsonSyntax, NulBytesAreRefusedWhereverTheyStand) {
  using namespace std::string_literals;
  for (const std::string& text : {"\0"s, "{}\0"s, "[1\0]"s, "[\"\0\"]"s, "{\"a\": 1}\n\0junk"s})
    EXPECT_NE(refusal(text).find("NUL byte"), std::string::npos);
  // UTF-16 text is told by its NUL bytes.
  EXPECT_NE(refusal("\xFF\xFE{\0}\0"s).find("UTF-16"), std::string::npos);
}

TEST(JsonSyntax, ColumnsCountCharactersNotBytes) {
  EXPECT_TRUE(refusal("{\"é€😀\": x}").starts_with("a.json:1:9:"));  // { " 3 " : blank, then x
}

TEST(JsonStructure, EveryDuplicateKeyIsReported) {
  EXPECT_EQ(refusal("{\"a\": 1,\n"
                    " \"b\": [0, {\"c\": 1, \"c\": 2}],\n"
                    " \"\\u0061\": 3}"),
            "a.json:2:20: b[1].c: this key already stands on line 2 in the same object; "
            "remove one of the two\n"
            "a.json:3:2: a: this key already stands on line 1 in the same object; "
            "remove one of the two");
  EXPECT_NO_THROW(parse_json("{\"a\": {\"a\": [{\"a\": 1}, {\"a\": 1}]}}", "a.json"));
}

TEST(JsonStructure, SixtyFourLevelsAreReadAndOneMoreIsNot) {
  EXPECT_NO_THROW(parse_json(std::string(64, '[') + std::string(64, ']'), "a.json"));
  EXPECT_EQ(refusal(std::string(65, '[') + std::string(65, ']')),
            "a.json:1:65: values are nested more than 64 levels deep");
}

TEST(JsonStructure, DepthBombsAreRefusedAtOnce) {
  EXPECT_NE(refusal(std::string(100'000, '[')).find("nested"), std::string::npos);
  std::string objects;
  for (int i = 0; i < 100'000; ++i) objects += "{\"a\":";
  EXPECT_NE(refusal(objects).find("nested"), std::string::npos);
}

TEST(JsonStructure, TooManyValuesAreRefused) {
  std::string text = "[0";
  for (std::size_t i = 0; i < kMaxJsonValues; ++i) text += ",0";
  EXPECT_NE(refusal(text + "]").find("more than 2000000 values"), std::string::npos);
}

TEST(JsonStructure, TooLargeTextIsRefused) {
  EXPECT_NE(refusal(std::string(kMaxJsonBytes + 1, ' ')).find("larger than"), std::string::npos);
}

TEST(JsonStructure, ManyMistakesStopTheReading) {
  std::string text = "{\"a\": 0";
  for (int i = 0; i < 100'000; ++i) text += ",\"a\": 0";
  try {
    parse_json(text + "}", "a.json");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.problems().size(), 100u);
  }
}

TEST(JsonExcerpt, ShowsTheTextAsItStandsButShort) {
  EXPECT_EQ(only_element("1.50e3").excerpt(), "1.50e3");
  EXPECT_EQ(only_element("\"a\\\"]b\"").excerpt(), "\"a\\\"]b\"");
  EXPECT_EQ(only_element("null").excerpt(), "null");
  EXPECT_EQ(only_element("{\"a\": 1}").excerpt(), "{...}");
  EXPECT_EQ(only_element("[ ]").excerpt(), "[]");
  EXPECT_EQ(only_element("\"" + std::string(99, 'x') + "\"").excerpt(),
            "\"" + std::string(39, 'x') + "...");
  // 1 quote + 13 * 3 bytes = 40: a fourteenth sign is not cut in half.
  std::string euros;
  for (int i = 0; i < 20; ++i) euros += "€";
  EXPECT_EQ(only_element("\"x" + euros + "\"").excerpt(), "\"x" + euros.substr(0, 36) + "...");
  EXPECT_EQ(parse_json("7", "a.json").root().excerpt(), "7");
}

}  // namespace
}  // namespace stepcast
