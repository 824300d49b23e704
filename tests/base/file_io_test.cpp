#include "sim/base/file_io.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "sim/base/error.h"

namespace stepcast {
namespace {

namespace fs = std::filesystem;

class FileIo : public testing::Test {
 protected:
  FileIo() {
    std::string name = (fs::temp_directory_path() / "stepcast-file-io-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~FileIo() override { fs::remove_all(folder_); }

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder_), fs::directory_iterator()));
  }

  fs::path folder_;
};

ErrorKind kind_of_reading(const std::string& path, std::size_t max_bytes) {
  try {
    read_text_file(path, max_bytes);
  } catch (const Error& error) {
    EXPECT_EQ(error.problems().at(0).file, path);
    return error.kind();
  }
  ADD_FAILURE() << path << " was read";
  return ErrorKind::kInternal;
}

TEST_F(FileIo, WhatIsWrittenIsRead) {
  const std::string text("line\n\0binary\xFF", 13);
  write_text_file_atomically(path("a.txt"), text);
  EXPECT_EQ(read_text_file(path("a.txt"), 13), text);
  write_text_file_atomically(path("a.txt"), "");
  EXPECT_EQ(read_text_file(path("a.txt"), 0), "");
  EXPECT_EQ(files(), 1u) << "no temporary file stays";
}

TEST_F(FileIo, TooLargeFilesAreInputErrorsBeforeReading) {
  write_text_file_atomically(path("a.txt"), "12345");
  EXPECT_EQ(kind_of_reading(path("a.txt"), 4), ErrorKind::kInput);
  write_text_file_atomically(path("giant"), "");
  fs::resize_file(path("giant"), std::uintmax_t{1} << 36);  // sparse: 64 GiB on paper
  EXPECT_EQ(kind_of_reading(path("giant"), 1 << 20), ErrorKind::kInput);
}

TEST_F(FileIo, OnlyRegularFilesAreRead) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  for (const std::string& odd : {path("pipe"), path("missing"), folder_.string(),
                                 std::string("/dev/zero"), std::string("/dev/null")})
    EXPECT_EQ(kind_of_reading(odd, 100), ErrorKind::kIo) << odd;
}

TEST_F(FileIo, FilesOfUnknownSizeAreReadToTheirEnd) {
  EXPECT_FALSE(read_text_file("/proc/self/status", 1 << 20).empty());  // claims size 0
  EXPECT_EQ(kind_of_reading("/proc/self/status", 10), ErrorKind::kInput);
}

TEST_F(FileIo, FailedWritesKeepTheOldFileAndSayWhy) {
  try {
    write_text_file_atomically(path("no/such/folder.txt"), "x");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
    EXPECT_EQ(error.what(),
              path("no/such/folder.txt") + ": cannot create: No such file or directory");
  }
  EXPECT_THROW(write_text_file_atomically(folder_.string(), "x"), Error);
}

TEST_F(FileIo, LinksAreFollowedAndDevicesAreKept) {
  write_text_file_atomically(path("real"), "old");
  fs::create_symlink(path("real"), path("link"));
  write_text_file_atomically(path("link"), "new");
  EXPECT_TRUE(fs::is_symlink(path("link")));
  EXPECT_EQ(read_text_file(path("real"), 10), "new");
  write_text_file_atomically("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(FileIo, NewFilesHaveTheUsualMode) {
  const mode_t mask = ::umask(022);
  write_text_file_atomically(path("a"), "x");
  ::umask(mask);
  EXPECT_EQ(fs::status(path("a")).permissions(), fs::perms(0644));
}

TEST_F(FileIo, WhatCannotBeWrittenIsToldBeforehandAndNothingIsCreated) {
  const auto refusal = [](const std::string& path) -> std::string {
    try {
      check_can_write(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kIo);
      return error.what();
    }
    return "";
  };
  write_text_file_atomically(path("there"), "old");
  fs::create_symlink(path("there"), path("link"));
  for (const std::string& good : {path("new"), path("there"), path("link"), std::string("new-here"),
                                  std::string("/dev/null")})
    EXPECT_EQ(refusal(good), "") << good;
  EXPECT_EQ(refusal(path("nowhere/new")),
            path("nowhere/new") + ": cannot create: No such file or directory");
  EXPECT_EQ(refusal(path("there/new")), path("there/new") + ": cannot create: Not a directory");
  EXPECT_EQ(refusal(folder_.string()), folder_.string() + ": cannot write: this is a folder");
  EXPECT_EQ(files(), 2u);
  EXPECT_EQ(read_text_file(path("there"), 100), "old");
}

std::string gunzipped(const std::string& path) {
  gzFile file = gzopen(path.c_str(), "rb");
  std::string text;
  char block[4096];
  for (int count; (count = gzread(file, block, sizeof block)) > 0;)
    text.append(block, static_cast<std::size_t>(count));
  gzclose(file);
  return text;
}

TEST_F(FileIo, GzipComesBackAndIsReproducible) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) text += std::to_string(i * 7919L) + ",";
  write_gzip_file(path("a.gz"), text);
  write_gzip_file(path("b.gz"), text);
  EXPECT_EQ(gunzipped(path("a.gz")), text);
  const std::string bytes = read_text_file(path("a.gz"), 1 << 24);
  EXPECT_TRUE(bytes.starts_with("\x1F\x8B"));
  EXPECT_EQ(bytes, read_text_file(path("b.gz"), 1 << 24));
  write_gzip_file(path("empty.gz"), "");
  EXPECT_EQ(gunzipped(path("empty.gz")), "");
}

}  // namespace
}  // namespace stepcast
