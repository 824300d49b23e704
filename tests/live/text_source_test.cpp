#include "kernels/live/text_source.h"

#include <gtest/gtest.h>

#include "sim/base/error.h"

namespace stepcast {
namespace {

TEST(TextTask, SequencesAreWindowsOfTheText) {
  const std::string text = "abcdefghijklmnopqrstuvwxyz";
  const TextTask task(text, 4, 1, "letters.txt");
  std::size_t different = 0;
  for (std::int64_t sequence = 0; sequence < 50; ++sequence) {
    std::string window;
    for (std::int64_t position = 0; position <= 4; ++position)
      window += static_cast<char>(task.token(sequence, position));
    EXPECT_NE(text.find(window), std::string::npos) << window;
    different += window != "abcde" ? 1 : 0;
  }
  EXPECT_GT(different, 40u);  // 22 places
}

TEST(TextTask, BytesAreTokensAlsoBeyondAscii) {
  const TextTask task("\xff\xfe", 1, 1, "bytes");
  EXPECT_EQ(task.token(0, 0), 255);
  EXPECT_EQ(task.token(0, 1), 254);
}

TEST(TextTask, ShortTextIsRefusedByName) {
  try {
    const TextTask task("abcd", 4, 1, "short.txt");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
    EXPECT_EQ(std::string(error.what()),
              "short.txt: has 4 bytes; training.seq_len = 4 needs one more than that");
  }
}

}  // namespace
}  // namespace stepcast
