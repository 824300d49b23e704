// Real documents cut short or bent at every byte: always an Error(kInput) that names the file and a
// line, or a document; never a crash.
#include <gtest/gtest.h>

#include <filesystem>

#include "sim/base/file_io.h"
#include "sim/base/json_document.h"

namespace stepcast {
namespace {

const std::string kDocument = R"({
  "$schema": "scenario",
  "model": "gpt3-175b",
  "plan": {"tp": 8, "pp": 16, "dp": 8, "schedule": "interleaved", "virtual_stages": 6},
  "training": {"global_batch_size": 1536, "seq_len": 2048, "dtype": "bf16", "fused": true},
  "links": [
    {"between": ["gpu", "nvswitch"], "bandwidth": "300 GB/s", "latency": "1.5 us"},
    {"between": ["nic", "leaf"], "bandwidth": "200 Gb/s", "loss": 1.25e-3, "note": "caf\u00e9 \ud83d\ude00"}
  ],
  "prices": null
}
)";

/// Nothing, or the problem with which the text was refused.
std::optional<Problem> refusal(const std::string& text) {
  try {
    parse_json(text, "cut.json");
    return std::nullopt;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    return error.problems().at(0);
  }
}

TEST(JsonTruncation, EveryPrefixOfADocumentIsRefusedWithALine) {
  const std::size_t end = kDocument.rfind('}');
  for (std::size_t size = 0; size <= end; ++size) {
    const std::optional<Problem> problem = refusal(kDocument.substr(0, size));
    ASSERT_TRUE(problem) << "accepted " << size << " bytes";
    EXPECT_EQ(problem->file, "cut.json");
    EXPECT_GE(problem->line, 1);
    EXPECT_GE(problem->column, 1);
    EXPECT_FALSE(problem->message.empty());
  }
  EXPECT_FALSE(refusal(kDocument.substr(0, end + 1)));
}

TEST(JsonTruncation, EveryBytePutWrongIsAnErrorOrADocument) {
  for (std::size_t at = 0; at < kDocument.size(); ++at) {
    for (const char wrong : {'\0', '"', '\\', '{', '}', '[', ']', ',', ':', '7', 'e', '\n', '\xC3',
                             '\xFF', '/', '-'}) {
      std::string text = kDocument;
      text[at] = wrong;
      const std::optional<Problem> problem = refusal(text);
      EXPECT_TRUE(!problem || problem->line >= 1);
    }
  }
}

TEST(JsonTruncation, EveryByteLeftOutOrDoubledIsAnErrorOrADocument) {
  for (std::size_t at = 0; at < kDocument.size(); ++at) {
    std::string without = kDocument;
    without.erase(at, 1);
    refusal(without);
    std::string doubled = kDocument;
    doubled.insert(at, 1, kDocument[at]);
    refusal(doubled);
  }
}

TEST(JsonCorpus, EveryBadFileIsRefusedWithFileAndLine) {
  const std::filesystem::path folder = STEPCAST_SOURCE_DIR "/tests/corpus/json";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    ++files;
    try {
      read_json_file(entry.path().string());
      ADD_FAILURE() << entry.path() << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput) << entry.path();
      EXPECT_TRUE(std::string(error.what()).starts_with(entry.path().string() + ":"))
          << error.what();
      EXPECT_GE(error.problems().at(0).line, 1) << entry.path();
    }
  }
  EXPECT_GE(files, 40);
}

TEST(ReadJsonFile, FilesThatCannotBeOpenedAreIoErrors) {
  for (const char* path : {"/no/such/file.json", "/dev/zero", "/"}) {
    try {
      read_json_file(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kIo) << path;
    }
  }
}

}  // namespace
}  // namespace stepcast
