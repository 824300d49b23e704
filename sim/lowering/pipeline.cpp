#include "sim/lowering/pipeline.h"

#include <algorithm>
#include <string>
#include <utility>

#include "sim/program/op_text.h"

namespace stepcast {
namespace {

std::string chunk_name(const char* what, std::uint32_t chunk) {
  return std::string(what) + ".chunk" + std::to_string(chunk);
}

const char* cargo_of(Pass pass) { return pass == Pass::kForward ? "activation" : "gradient"; }

std::string stage_name(const StagePosition& at) {
  return "stage " + std::to_string(at.stage) + " of " + std::to_string(at.stages);
}

}  // namespace

PipelineStage::PipelineStage(const Step& step, const ModelGraphs& graphs,
                             const std::vector<Chunk>& chunks, const StagePosition& at)
    : step_(step),
      at_(at),
      writer_(stage_name(at), at.microbatches),
      buffers_(writer_, step, graphs, chunks),
      tensor_events_(writer_.program()),
      data_parallel_(writer_, step, buffers_) {
  for (std::vector<Passes>& passes : passes_) passes.resize(chunks.size());
}

Program PipelineStage::lower(const std::vector<Action>& actions) && {
  write_host_waits();
  // From the last chunk to the first, as the backward passes go.
  for (auto chunk = static_cast<std::uint32_t>(buffers_.chunks().size()); chunk-- > 0;)
    write_chunk(chunk);
  const BlockId update = data_parallel_.write_update_block();
  std::span<const Action> before, rest = actions;
  while (!rest.empty()) {
    const std::span<const Action> round = round_at(rest);
    call_exchange(before, round);
    for (const Action& action : round) call_pass(action);
    before = round;
    rest = rest.subspan(round.size());
  }
  call_exchange(before, {});
  writer_.program().call(update, at_.microbatches - 1);
  return std::move(writer_).finish();
}

PipelineStage::Side PipelineStage::side_of(Pass pass) {
  if (pass == Pass::kForward)
    return {.send = Stream::kSendNext,
            .receive = Stream::kRecvPrevious,
            .to = Peer::kNext,
            .from = Peer::kPrevious};
  return {.send = Stream::kSendPrevious,
          .receive = Stream::kRecvNext,
          .to = Peer::kPrevious,
          .from = Peer::kNext};
}

void PipelineStage::write_chunk(std::uint32_t chunk) {
  const ChunkBuffers& buffers = chunk_buffers(chunk);
  const std::uint32_t part = part_of(chunk);
  if (buffers.input != kNone) write_receive(Pass::kForward, chunk, buffers.input, part - 1);
  write_forward(chunk);
  if (buffers.output != kNone) {
    write_send(Pass::kForward, chunk, buffers.output, part);
    write_receive(Pass::kBackward, chunk, buffers.output_gradient, part);
  }
  write_backward(chunk, false);
  if (step_.buckets_overlap()) write_backward(chunk, true);
  if (buffers.input != kNone) write_send(Pass::kBackward, chunk, buffers.input_gradient, part - 1);
}

void PipelineStage::write_forward(std::uint32_t chunk) {
  Passes& forward = passes(Pass::kForward, chunk);
  const ChunkBuffers& buffers = chunk_buffers(chunk);
  forward.block = writer_.begin_block(chunk_name("forward", chunk), arrivals(forward.messages));
  if (chunk == 0) writer_.host_work(HostTask::kMicrobatch);
  gather_arrival(forward.messages, buffers.input);
  for (const GraphInstance& instance : buffers.graphs)
    GraphPass(writer_, step_, tensor_events_, instance).forward();
  std::vector<EventId> left = writer_.end_block();
  (buffers.output == kNone ? loss_done_ : forward.messages.sent_after) = std::move(left);
}

void PipelineStage::write_backward(std::uint32_t chunk, bool last_microbatch) {
  Passes& backward = passes(Pass::kBackward, chunk);
  const ChunkBuffers& buffers = chunk_buffers(chunk);
  std::string name = chunk_name("backward", chunk);
  if (last_microbatch) name += ".last_microbatch";
  std::vector<EventId> waits = arrivals(backward.messages);
  if (buffers.output == kNone) waits = loss_done_;
  (last_microbatch ? backward.last : backward.block) =
      writer_.begin_block(std::move(name), std::move(waits));
  gather_arrival(backward.messages, buffers.output_gradient);
  for (auto i = buffers.graphs.size(); i-- > 0;) {
    GraphPass(writer_, step_, tensor_events_, buffers.graphs[i]).backward();
    if (last_microbatch) data_parallel_.gradients_ready(buffers.graphs[i]);
  }
  if (last_microbatch) data_parallel_.end_of_chunk();
  // One send serves both kinds of backward pass, which may end differently: it waits for either's.
  std::vector<EventId>& sent_after = backward.messages.sent_after;
  for (const EventId event : writer_.end_block())
    if (std::find(sent_after.begin(), sent_after.end(), event) == sent_after.end())
      sent_after.push_back(event);
}

/// The receive buffer is taken when the receive is posted. A tensor in parts arrives in a buffer of
/// its own, and the pass gathers it.
void PipelineStage::write_receive(Pass pass, std::uint32_t chunk, BufferId arrives,
                                  std::uint32_t tag) {
  Messages& messages = passes(pass, chunk).messages;
  const Side side = side_of(pass);
  const std::string name = chunk_name(cargo_of(pass), chunk);
  ProgramBuilder& program = writer_.program();
  messages.received = program.event(name + ".received");
  if (step_.gathers_messages())
    messages.part = program.buffer(name + ".part", message_size(arrives), step_.shape.storage(),
                                   BufferCategory::kCommunication);
  const BufferId buffer = step_.gathers_messages() ? messages.part : arrives;
  messages.receive = writer_.begin_block("receive." + name);
  program.alloc(buffer);
  program.recv(side.receive,
               {.peer = side.from, .size = message_size(arrives), .tag = tag, .buffer = buffer},
               {.waits_for = {}, .signals = messages.received});
  writer_.end_block();
}

/// What was sent is freed when it has gone. Unless messages overlap, that free stands on the
/// compute stream: later compute waits for the send, as after Work.wait() of torch.distributed.
void PipelineStage::write_send(Pass pass, std::uint32_t chunk, BufferId leaves, std::uint32_t tag) {
  Messages& messages = passes(pass, chunk).messages;
  const Side side = side_of(pass);
  const std::string name = chunk_name(cargo_of(pass), chunk);
  ProgramBuilder& program = writer_.program();
  messages.sent = program.event(name + ".sent");
  messages.send = writer_.begin_block("send." + name);
  std::vector<EventId> waits = messages.sent_after;
  waits.push_back(writer_.computed());
  program.send(side.send,
               {.peer = side.to,
                .size = message_size(leaves),
                .tag = tag,
                .buffer = leaves,
                .own_part = part_sent()},
               {.waits_for = std::move(waits), .signals = messages.sent});
  if (step_.traits.p2p_overlap) {
    program.free(leaves, side.send, {});
  } else {
    writer_.end_block();
    messages.release = writer_.begin_block("release." + name);
    program.free(leaves, Stream::kCompute, {.waits_for = {messages.sent}, .signals = kNone});
  }
  writer_.end_block();
}

void PipelineStage::write_host_waits() {
  host_waits_.fill(kNone);
  if (!step_.traits.p2p_host_wait || at_.stages == 1) return;
  for (const Pass pass : {Pass::kForward, Pass::kBackward})
    for (const Stream stream : {side_of(pass).send, side_of(pass).receive}) {
      host_waits_[static_cast<std::size_t>(stream)] =
          writer_.begin_block("wait." + std::string(name_of(stream)));
      writer_.host_wait(stream);
      writer_.end_block();
    }
}

std::vector<EventId> PipelineStage::arrivals(const Messages& messages) const {
  if (messages.received == kNone) return {};
  return {messages.received};
}

void PipelineStage::gather_arrival(const Messages& messages, BufferId whole) {
  if (messages.part == kNone) return;
  writer_.alloc(whole);
  writer_.collective({.stream = Stream::kTensor,
                      .group = GroupRole::kTensor,
                      .kind = CollectiveKind::kAllGather,
                      .size = writer_.program().size_of(whole),
                      .dtype = step_.shape.storage(),
                      .parts = {writer_.whole_part(messages.part, whole)}},
                     tensor_events_.gathered);
  writer_.join(tensor_events_.gathered);
  writer_.free(messages.part);
}

std::optional<GroupRole> PipelineStage::part_sent() const {
  if (step_.gathers_messages()) return GroupRole::kTensor;
  return {};
}

Bytes PipelineStage::message_size(BufferId whole) {
  const Bytes size = writer_.program().size_of(whole);
  return step_.gathers_messages() ? size / step_.plan.tp : size;
}

void PipelineStage::call_pass(const Action& action) {
  const Passes& pass = passes(action.pass, action.chunk);
  const bool last = action.microbatch + 1 == at_.microbatches && pass.last != kNone;
  writer_.program().call(last ? pass.last : pass.block, action.microbatch);
}

std::span<const Action> PipelineStage::round_at(std::span<const Action> rest) const {
  std::size_t count = 1;
  // Messages that overlap leave at once: nobody waits for them.
  if (!step_.traits.p2p_overlap)
    while (rest[count - 1].exchanges_with_next) ++count;
  return rest.first(count);
}

void PipelineStage::call_exchange(std::span<const Action> before, std::span<const Action> after) {
  ProgramBuilder& program = writer_.program();
  const auto messages_of = [&](const Action& action) -> const Messages& {
    return passes(action.pass, action.chunk).messages;
  };
  for (const Action& action : before)
    if (const BlockId send = messages_of(action).send; send != kNone)
      program.call(send, action.microbatch);
  for (const Action& action : after)
    if (const BlockId receive = messages_of(action).receive; receive != kNone)
      program.call(receive, action.microbatch);
  for (const Action& action : before)
    if (messages_of(action).release != kNone)  // compute waits for this send, and so may the CPU
      call_host_wait(side_of(action.pass).send, action.microbatch);
  for (const Action& action : after)
    if (messages_of(action).receive != kNone)
      call_host_wait(side_of(action.pass).receive, action.microbatch);
  for (const Action& action : before)
    if (const BlockId release = messages_of(action).release; release != kNone)
      program.call(release, action.microbatch);
}

void PipelineStage::call_host_wait(Stream stream, std::uint32_t microbatch) {
  const BlockId wait = host_waits_[static_cast<std::size_t>(stream)];
  if (wait != kNone) writer_.program().call(wait, microbatch);
}

}  // namespace stepcast
