#include "sim/ledger/csv.h"

#include <gtest/gtest.h>

namespace stepcast {
namespace {

std::string failure_of(const std::string& text) {
  try {
    parse_csv(text, "t.csv");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.what();
  }
  return "";
}

TEST(Csv, ReadsQuotedCommasQuotesAndLineBreaks) {
  const CsvTable table = parse_csv("id,notes\r\n1,\"a, \"\"b\"\"\nc\"\r\n2,\r\n", "t.csv");
  ASSERT_EQ(table.records.size(), 2u);
  EXPECT_EQ(table.header, (std::vector<std::string>{"id", "notes"}));
  EXPECT_EQ(table.records[0].fields[1], "a, \"b\"\nc");
  EXPECT_EQ(table.records[1].fields[1], "");
}

TEST(Csv, CountsLinesThroughEmbeddedBreaks) {
  const CsvTable table = parse_csv("a,b\n\"x\ny\nz\",1\n2,3\n", "t.csv");
  EXPECT_EQ(table.records[0].line, 2);
  EXPECT_EQ(table.records[1].line, 5);
}

TEST(Csv, AcceptsAMissingLastLineBreakAndAByteOrderMark) {
  const CsvTable table = parse_csv("\xEF\xBB\xBFid,x\n1,2", "t.csv");
  EXPECT_EQ(table.header[0], "id");
  EXPECT_EQ(table.records.at(0).fields[1], "2");
}

TEST(Csv, NamesLineAndColumnOfBadQuoting) {
  EXPECT_NE(failure_of("a,b\n1,x\"y\n").find("t.csv:2"), std::string::npos);
  EXPECT_NE(failure_of("a,b\n1,x\"y\n").find("b "), std::string::npos);
  EXPECT_NE(failure_of("a,b\n1,\"open\n\n").find("never closed"), std::string::npos);
  EXPECT_NE(failure_of("a,b\n1,\"x\"y\n").find("closing quote"), std::string::npos);
  EXPECT_NE(failure_of("a,b\r1,2\r").find("carriage return"), std::string::npos);
}

TEST(Csv, RefusesRaggedRecordsAndBadHeaders) {
  EXPECT_NE(failure_of("a,b\n1,2\n1,2,3\n").find("t.csv:3"), std::string::npos);
  EXPECT_NE(failure_of("a,b\n1\n").find("1 fields"), std::string::npos);
  EXPECT_NE(failure_of("a,b,a\n").find("twice"), std::string::npos);
  EXPECT_NE(failure_of("a,\n").find("no name"), std::string::npos);
  EXPECT_NE(failure_of("").find("empty"), std::string::npos);
}

TEST(Csv, MissingFileIsAnInputOutputError) {
  try {
    read_csv_file("/nonexistent/x.csv");
    FAIL() << "read a file that is not there";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_NE(std::string(error.what()).find("/nonexistent/x.csv"), std::string::npos);
  }
}

TEST(CsvCells, ReadsTypesAndEmptyAsNothing) {
  const CsvTable table = parse_csv("n,x,f,empty\n12,2.5e3,1,\n", "t.csv");
  const CsvCells cells(table, table.records[0]);
  EXPECT_EQ(cells.integer("n"), 12);
  EXPECT_EQ(cells.number("x"), 2500.0);
  EXPECT_EQ(cells.flag("f"), true);
  EXPECT_EQ(cells.integer("empty"), std::nullopt);
  EXPECT_EQ(cells.number("no such column"), std::nullopt);
}

TEST(CsvCells, NamesLineColumnAndValueOfACellOfTheWrongType) {
  const CsvTable table = parse_csv("n,x\n1,2\n3,about 4\n", "t.csv");
  const CsvCells cells(table, table.records[1]);
  try {
    cells.number("x");
    FAIL() << "took text for a number";
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_NE(text.find("t.csv:3"), std::string::npos);
    EXPECT_NE(text.find("x = \"about 4\""), std::string::npos);
  }
  EXPECT_THROW(CsvCells(table, table.records[1]).flag("n"), Error);
}

TEST(CsvCells, RefusesInfinityAndTrailingText) {
  const CsvTable table = parse_csv("a,b\ninf,3s\n", "t.csv");
  const CsvCells cells(table, table.records[0]);
  EXPECT_THROW(cells.number("a"), Error);
  EXPECT_THROW(cells.integer("b"), Error);
}

}  // namespace
}  // namespace stepcast
