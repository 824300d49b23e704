// The printed form of a tiny program, compared exactly.
#include "sim/program/text.h"

#include <gtest/gtest.h>

#include "sim/program/builder.h"
#include "sim/program/verify.h"

namespace stepcast {
namespace {

Program tiny() {
  ProgramBuilder builder("stage 0 of 2", 8);
  const BufferId w = builder.resident("w", Bytes{1024}, Dtype::kBf16, BufferCategory::kParameters);
  const BufferId x = builder.buffer("x", Bytes{64}, Dtype::kBf16, BufferCategory::kActivations);
  const BufferId dx = builder.buffer("dx", Bytes{64}, Dtype::kBf16, BufferCategory::kCommunication);
  const EventId ready = builder.event("ready");
  const EventId arrived = builder.event("arrived");
  const Kernel copy{.kind = KernelKind::kCopy, .dtype = Dtype::kBf16, .dims = {32}};

  const BlockId forward = builder.begin_block("forward.chunk0");
  builder.host_work(HostTask::kMicrobatch);
  builder.alloc(x);
  builder.compute(copy, {w}, {x}, {.signals = ready});
  builder.send(Stream::kSendNext, {.peer = Peer::kNext, .size = Bytes{64}, .tag = 0, .buffer = x},
               {.waits_for = {ready}});
  const BlockId backward = builder.begin_block("backward.chunk0");
  builder.alloc(dx);
  builder.recv(Stream::kRecvNext, {.peer = Peer::kNext, .size = Bytes{64}, .tag = 0, .buffer = dx},
               {.signals = arrived});
  builder.compute(copy, {x, dx}, {w}, {.waits_for = {arrived}});
  builder.free(dx);
  builder.free(x);
  const BlockId update = builder.begin_block("update");
  builder.collective(Stream::kData,
                     {.kind = CollectiveKind::kAllReduce,
                      .group = GroupRole::kData,
                      .size = Bytes{1024},
                      .dtype = Dtype::kBf16},
                     {});
  builder.host_wait(Stream::kData);
  builder.call(forward, 0);
  builder.call(forward, 1);
  for (std::uint32_t m = 2; m < 8; ++m) {
    builder.call(forward, m);
    builder.call(backward, m - 2);
  }
  builder.call(backward, 6);
  builder.call(backward, 7);
  builder.call(update, 0);
  return std::move(builder).finish();
}

TEST(ProgramText, ShowsBuffersBlocksAndFoldedCalls) {
  const Program program = tiny();
  ASSERT_EQ(verify(program), std::vector<std::string>{});
  EXPECT_EQ(to_text(program), R"(program stage 0 of 2, 8 microbatches

parameters: 1.00 KiB resident, 0 B allocated
  w 1.00 KiB bf16 resident

activations: 0 B resident, 64 B allocated
  x 64 B bf16

communication: 0 B resident, 64 B allocated
  dx 64 B bf16

block forward.chunk0
  0    compute        host_work microbatch
  1    compute        alloc x
  2    compute        copy(elements=32, bf16) [w] -> [x] signals ready
  3    send_next      send to next tag 0 64 B [x] waits [ready]

block backward.chunk0
  0    compute        alloc dx
  1    recv_next      recv from next tag 0 64 B -> [dx] signals arrived
  2    compute        copy(elements=32, bf16) [x, dx] -> [w] waits [arrived]
  3    compute        free dx
  4    compute        free x

block update
  0    data           all_reduce over data 1.00 KiB bf16 [] -> []
  1    data           host_wait

calls
  forward.chunk0 microbatch 0..2
  backward.chunk0 microbatch 0..4 and forward.chunk0 microbatch 3..7 in turn
  backward.chunk0 microbatch 5..7
  update microbatch 0
)");
}

}  // namespace
}  // namespace stepcast
