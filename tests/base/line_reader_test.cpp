#include "sim/base/line_reader.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"
#include "sim/base/file_io.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

std::vector<std::string> lines_of(const std::string& file) {
  LineReader reader(file);
  std::vector<std::string> lines;
  for (std::string line; reader.next(line);) lines.push_back(line);
  return lines;
}

ErrorKind refusal_of(const std::string& file) {
  try {
    lines_of(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.problems().front().file, file);
    return error.kind();
  }
  ADD_FAILURE() << file << " was read";
  return ErrorKind::kInternal;
}

TEST(LineReader, PlainAndCompressedFilesReadAlike) {
  const ScratchFolder folder;
  const std::string text = "one\n\nthree";
  write_gzip_file(folder.path("lines.gz"), text);
  const std::vector<std::string> expected = {"one", "", "three"};
  EXPECT_EQ(lines_of(folder.write("lines", text)), expected);
  EXPECT_EQ(lines_of(folder.path("lines.gz")), expected);
  EXPECT_TRUE(lines_of(folder.write("nothing", "")).empty());
}

TEST(LineReader, LinesCrossTheBlocksThatAreRead) {
  const ScratchFolder folder;
  std::string text;
  for (int i = 0; i < 1000; ++i) text += std::string(1000, 'a' + i % 26) + "\n";
  const std::vector<std::string> lines = lines_of(folder.write("long", text));
  ASSERT_EQ(lines.size(), 1000u);
  for (std::size_t i = 0; i < 1000; ++i)
    EXPECT_EQ(lines[i], std::string(1000, static_cast<char>('a' + i % 26)));
}

TEST(LineReader, WhatCannotBeReadIsNamed) {
  const ScratchFolder folder;
  EXPECT_EQ(refusal_of("/nowhere/lines"), ErrorKind::kIo);
  EXPECT_EQ(refusal_of("/dev/zero"), ErrorKind::kIo);
  EXPECT_EQ(refusal_of(folder.path("")), ErrorKind::kIo);
  EXPECT_EQ(refusal_of(folder.write("endless", std::string(kMaxLineBytes + 1, 'x'))),
            ErrorKind::kInput);
  write_gzip_file(folder.path("whole.gz"), std::string(100'000, 'x') + "\n");
  const std::string whole = read_text_file(folder.path("whole.gz"), 1 << 20);
  EXPECT_EQ(refusal_of(folder.write("half.gz", whole.substr(0, whole.size() / 2))),
            ErrorKind::kInput);
}

}  // namespace
}  // namespace stepcast
