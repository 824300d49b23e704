// Messages between one writer and one reader: order, room that is used again, and bounds.
#include "kernels/live/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "sim/base/error.h"

namespace stepcast {
namespace {

class MailboxTest : public testing::Test {
 protected:
  void send(std::uint64_t tag, std::size_t bytes, int fill) {
    writer_.send(tag, std::vector<std::byte>(bytes, std::byte(fill)));
  }
  /// What all bytes of the next message are; -1 when they differ.
  int take(std::uint64_t tag, std::size_t bytes) {
    EXPECT_TRUE(reader_.has(tag));
    std::vector<std::byte> message(bytes);
    reader_.take(tag, message);
    const bool alike = std::all_of(message.begin(), message.end(),
                                   [&](std::byte byte) { return byte == message[0]; });
    return alike ? std::to_integer<int>(message[0]) : -1;
  }

  std::unique_ptr<Mailbox> mailbox_ = std::make_unique<Mailbox>();
  std::vector<std::byte> memory_ = std::vector<std::byte>(1024);
  MailboxWriter writer_{*mailbox_, memory_};
  MailboxReader reader_{*mailbox_, memory_};
};

TEST_F(MailboxTest, MessagesComeInOrder) {
  EXPECT_FALSE(reader_.has(0));
  send(0, 10, 1);
  send(0, 10, 2);
  EXPECT_EQ(take(0, 10), 1);
  EXPECT_EQ(take(0, 10), 2);
  EXPECT_FALSE(reader_.has(0));
}

TEST_F(MailboxTest, GroupsHaveOrdersOfTheirOwn) {
  send(1, 10, 1);
  send(2, 20, 2);
  send(1, 10, 3);
  EXPECT_EQ(take(2, 20), 2);
  EXPECT_EQ(take(1, 10), 1);
  EXPECT_EQ(take(1, 10), 3);
}

TEST_F(MailboxTest, TakenRoomIsUsedAgainFromTheBeginning) {
  // Two under way at any time, of 64 bytes each: nothing behind the third 64 bytes is touched.
  for (int i = 0; i < 100; ++i) {
    send(0, 64, i);
    if (i == 0) continue;
    EXPECT_EQ(take(0, 64), i - 1);
  }
  const auto untouched = std::find_if(memory_.begin() + 192, memory_.end(),
                                      [](std::byte byte) { return byte != std::byte{}; });
  EXPECT_EQ(untouched, memory_.end());
}

TEST_F(MailboxTest, AGapBetweenMessagesIsFilledWhenItIsLongEnough) {
  send(0, 128, 1);
  send(0, 64, 2);
  EXPECT_EQ(take(0, 128), 1);
  send(0, 192, 3);  // behind the second: the gap has 128 bytes
  send(0, 128, 4);  // in the gap
  EXPECT_EQ(take(0, 64), 2);
  EXPECT_EQ(take(0, 192), 3);
  EXPECT_EQ(take(0, 128), 4);
}

TEST_F(MailboxTest, EmptyMessagesAreMessages) {
  send(0, 0, 0);
  send(0, 8, 5);
  std::vector<std::byte> nothing;
  ASSERT_TRUE(reader_.has(0));
  reader_.take(0, nothing);
  EXPECT_EQ(take(0, 8), 5);
}

TEST_F(MailboxTest, WhatFindsNoRoomIsRefusedAndTheRestStaysWhole) {
  send(0, 960, 1);
  send(0, 64, 2);
  EXPECT_THROW(send(0, 1, 3), Error);
  EXPECT_EQ(take(0, 960), 1);
  EXPECT_EQ(take(0, 64), 2);
  send(0, 1024, 4);
  EXPECT_EQ(take(0, 1024), 4);
}

TEST_F(MailboxTest, AnotherLengthThanExpectedIsRefused) {
  send(0, 8, 1);
  std::vector<std::byte> message(9);
  ASSERT_TRUE(reader_.has(0));
  EXPECT_THROW(reader_.take(0, message), Error);
}

}  // namespace
}  // namespace stepcast
