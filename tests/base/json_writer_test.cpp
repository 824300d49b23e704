#include "sim/base/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sim/base/error.h"
#include "sim/base/json_document.h"

namespace stepcast {
namespace {

using Layout = JsonWriter::Layout;

TEST(JsonWriter, KeysStandInCallOrderIndentedByTwo) {
  JsonWriter w;
  w.begin_object();
  w.member("step_time_s", 1.5);
  w.key("stages");
  w.begin_array();
  w.value(1);
  w.value("two");
  w.end_array();
  w.member("fits", true);
  w.key("note");
  w.null();
  w.end_object();
  EXPECT_EQ(w.text(),
            "{\n"
            "  \"step_time_s\": 1.5,\n"
            "  \"stages\": [\n"
            "    1,\n"
            "    \"two\"\n"
            "  ],\n"
            "  \"fits\": true,\n"
            "  \"note\": null\n"
            "}\n");
}

TEST(JsonWriter, OneLineContainersStayOnTheirLine) {
  JsonWriter w;
  w.begin_array();
  w.begin_object(Layout::kOneLine);
  w.member("m", 128);
  w.key("t");
  w.begin_array();  // inside a line everything is on the line
  w.value(1);
  w.value(2);
  w.end_array();
  w.end_object();
  w.end_array();
  EXPECT_EQ(w.text(), "[\n  {\"m\": 128, \"t\": [1, 2]}\n]\n");

  JsonWriter line(Layout::kOneLine);
  line.begin_object();
  line.key("empty");
  line.begin_object();
  line.end_object();
  line.end_object();
  EXPECT_EQ(line.text(), "{\"empty\": {}}\n");
}

TEST(JsonWriter, NumbersAreRoundedDoublesAndExactIntegers) {
  JsonWriter w(Layout::kOneLine);
  w.begin_array();
  w.value(0.1 + 0.2);
  w.value(std::numeric_limits<std::int64_t>::min());
  w.value(std::numeric_limits<std::uint64_t>::max());
  w.value(1e300);
  w.value(-0.0);
  w.end_array();
  EXPECT_EQ(w.text(), "[0.3, -9223372036854775808, 18446744073709551615, 1e+300, 0]\n");
}

TEST(JsonWriter, TextIsEscapedAndAlwaysValidUtf8) {
  JsonWriter w(Layout::kOneLine);
  w.begin_array();
  w.value("a\"b\\c\n\t\r\x01\x7F");
  w.value("é €  😀");
  w.value("\xFF|\xC0\xAF|\xED\xA0\x80|\xE2\x82");  // stray, overlong, surrogate, cut short
  w.end_array();
  const std::string bad = "\xEF\xBF\xBD";
  EXPECT_EQ(w.text(), "[\"a\\\"b\\\\c\\n\\t\\r\\u0001\\u007f\", \"é €  😀\", \"" + bad + "|" + bad +
                          bad + "|" + bad + bad + bad + "|" + bad + bad + "\"]\n");
}

TEST(JsonWriter, EveryByteComesBackThroughTheParser) {
  for (int byte = 1; byte < 128; ++byte) {
    JsonWriter w;
    w.begin_array();
    w.value(std::string(1, static_cast<char>(byte)));
    w.end_array();
    const JsonDocument document = parse_json(w.text(), "round trip");
    EXPECT_EQ(document.root().elements().at(0).as_string(),
              std::string(1, static_cast<char>(byte)));
  }
}

TEST(JsonWriter, ImpossibleCallsAreOurBugs) {
  const double nan = std::nan("");
  EXPECT_THROW(JsonWriter().value(nan), InternalError);
  EXPECT_THROW(JsonWriter().value(-std::numeric_limits<double>::infinity()), InternalError);
  EXPECT_THROW(JsonWriter().key("a"), InternalError);
  EXPECT_THROW(JsonWriter().end_object(), InternalError);
  EXPECT_THROW(JsonWriter().text(), InternalError);
  JsonWriter object;
  object.begin_object();
  EXPECT_THROW(object.value(1), InternalError) << "no key";
  EXPECT_THROW(object.end_array(), InternalError);
  EXPECT_THROW(object.text(), InternalError) << "not ended";
  object.key("a");
  EXPECT_THROW(object.key("b"), InternalError);
  EXPECT_THROW(object.end_object(), InternalError) << "key without value";
  JsonWriter done;
  done.value(1);
  EXPECT_THROW(done.value(2), InternalError);
}

}  // namespace
}  // namespace stepcast
