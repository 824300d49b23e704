// Random small training jobs: tensor x pipeline x data parallel, with everything that the engine
// treats specially: overlapping buckets, host waits, collectives on either stream, uneven stages.
#pragma once

#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/engine/small_jobs.h"

namespace stepcast {

/// What a random job looks like.
struct JobShape {
  std::uint32_t tp = 1, pp = 1, dp = 1, microbatches = 1;
  int layers = 1;                  ///< of a stage
  bool tensor_on_compute = false;  ///< collectives of the tensor group hold the compute stream
  bool tensor_beside = false;      ///< one kernel runs beside each of them
  bool overlap_data = false;       ///< a bucket per layer is reduced during the last backward
  bool host_waits = false;         ///< after each message received
  bool send_waits = false;         ///< the compute stream waits for its own sends, in a free
  bool tied = false;               ///< embedding group of first and last stage
  bool norm = false;               ///< all-reduce over the model group, read by the host
  Schedule schedule{};
  std::int64_t message_us = 1, tensor_us = 1, data_us = 1;
  std::vector<std::int64_t> kernel_us;  ///< by stage
};

class RandomStage {
 public:
  RandomStage(const JobShape& shape, std::uint32_t stage)
      : shape_(shape),
        stage_(stage),
        builder_("stage " + std::to_string(stage), shape.microbatches) {
    buffer_ = builder_.resident("b", nvlink_us(shape.message_us), Dtype::kFp16,
                                BufferCategory::kCommunication);
  }

  Program finish() {
    const BlockId forward = pass("forward", false, true);
    const BlockId backward = pass("backward", false, false);
    const BlockId last_backward = pass("last backward", shape_.overlap_data, false);
    const BlockId end = step_end();
    const std::uint32_t m = shape_.microbatches;
    const std::uint32_t ahead =
        shape_.schedule == Schedule::kGpipe ? m : std::min(m, shape_.pp - stage_);
    for (std::uint32_t i = 0; i < ahead; ++i) builder_.call(forward, i);
    for (std::uint32_t i = 0; i < m; ++i) {
      builder_.call(i + 1 == m ? last_backward : backward, i);
      if (ahead + i < m) builder_.call(forward, ahead + i);
    }
    builder_.call(end, 0);
    return std::move(builder_).finish();
  }

 private:
  void all_reduce(Stream stream, GroupRole role, std::int64_t us, ProgramBuilder::Order order) {
    builder_.collective(stream,
                        {.kind = CollectiveKind::kAllReduce,
                         .group = role,
                         .size = nvlink_us(us),
                         .dtype = Dtype::kFp16},
                        std::move(order));
  }

  void tensor_parallel(EventId before, EventId after) {
    if (shape_.tp == 1) return;
    if (shape_.tensor_on_compute)
      return all_reduce(Stream::kCompute, GroupRole::kTensor, shape_.tensor_us, {});
    builder_.compute(gemm_us(1), {}, {}, {.waits_for = {}, .signals = before});
    all_reduce(Stream::kTensor, GroupRole::kTensor, shape_.tensor_us,
               {.waits_for = {before}, .signals = after});
    if (shape_.tensor_beside) builder_.compute(gemm_us(2), {}, {});
    builder_.compute(gemm_us(1), {}, {}, {.waits_for = {after}});
  }

  BlockId pass(const std::string& name, bool buckets, bool is_forward) {
    const bool first = stage_ == 0, last = stage_ + 1 == shape_.pp;
    const bool receives = is_forward ? !first : !last, sends = is_forward ? !last : !first;
    const BlockId block = builder_.begin_block(name);
    const EventId arrived = builder_.event(name + " arrived"),
                  done = builder_.event(name + " done");
    const EventId before = builder_.event(name + " before"),
                  after = builder_.event(name + " after");
    const Stream in = is_forward ? Stream::kRecvPrevious : Stream::kRecvNext;
    const Stream out = is_forward ? Stream::kSendNext : Stream::kSendPrevious;
    const Peer from = is_forward ? Peer::kPrevious : Peer::kNext;
    const Peer to = is_forward ? Peer::kNext : Peer::kPrevious;
    const Bytes size = nvlink_us(shape_.message_us);
    builder_.host_work(HostTask::kMicrobatch);
    if (receives) {
      builder_.recv(in, {.peer = from, .size = size, .tag = 0, .buffer = buffer_},
                    {.waits_for = {}, .signals = arrived});
      if (shape_.host_waits) builder_.host_wait(in);
    }
    for (int layer = 0; layer < shape_.layers; ++layer) {
      const bool waits = receives && layer == 0;
      builder_.compute(gemm_us(shape_.kernel_us[stage_] * (is_forward ? 1 : 2)), {}, {},
                       {.waits_for = waits ? std::vector{arrived} : std::vector<EventId>{}});
      tensor_parallel(before, after);
      builder_.compute(gemm_us(2), {}, {}, {.waits_for = {}, .signals = done});
      if (buckets && shape_.dp > 1)
        all_reduce(Stream::kData, GroupRole::kData, shape_.data_us, {.waits_for = {done}});
    }
    if (sends) send(name, out, to, done);
    return block;
  }

  void send(const std::string& name, Stream out, Peer to, EventId done) {
    const Bytes size = nvlink_us(shape_.message_us);
    const EventId sent = builder_.event(name + " sent");
    const BufferId buffer =
        builder_.buffer(name + " output", size, Dtype::kFp16, BufferCategory::kActivations);
    builder_.alloc(buffer);
    builder_.send(out, {.peer = to, .size = size, .tag = 0, .buffer = buffer},
                  {.waits_for = {done}, .signals = sent});
    if (shape_.send_waits)
      builder_.free(buffer, Stream::kCompute, {.waits_for = {sent}});
    else
      builder_.free(buffer);
  }

  BlockId step_end() {
    const BlockId block = builder_.begin_block("step end");
    const EventId ready = builder_.event("gradients", Scope::kStep);
    const EventId reduced = builder_.event("reduced", Scope::kStep);
    const EventId tied = builder_.event("tied", Scope::kStep);
    std::vector<EventId> waits;
    builder_.compute(gemm_us(3), {}, {}, {.waits_for = {}, .signals = ready});
    if (shape_.dp > 1) {
      all_reduce(Stream::kData, GroupRole::kData, 3 * shape_.data_us,
                 {.waits_for = {ready}, .signals = reduced});
      waits.push_back(reduced);
    }
    if (shape_.tied && (stage_ == 0 || stage_ + 1 == shape_.pp)) {
      all_reduce(Stream::kEmbedding, GroupRole::kEmbedding, shape_.data_us,
                 {.waits_for = {ready}, .signals = tied});
      waits.push_back(tied);
    }
    builder_.compute(gemm_us(2), {}, {}, {.waits_for = waits});
    if (shape_.norm && shape_.tp * shape_.pp > 1) {
      all_reduce(Stream::kCompute, GroupRole::kModel, 1, {});
      builder_.host_wait(Stream::kCompute);
    }
    builder_.compute(gemm_us(9), {}, {});
    builder_.host_work(HostTask::kStep);
    return block;
  }

  const JobShape& shape_;
  std::uint32_t stage_;
  ProgramBuilder builder_;
  BufferId buffer_ = 0;
};

/// rank = (stage * dp + replica) * tp + shard, one program per stage.
inline Job grid_job(const JobShape& shape) {
  const std::uint32_t tp = shape.tp, pp = shape.pp, dp = shape.dp;
  Job job;
  for (std::uint32_t stage = 0; stage < pp; ++stage)
    job.programs.push_back(RandomStage(shape, stage).finish());
  const auto rank_at = [=](std::uint32_t s, std::uint32_t d, std::uint32_t t) {
    return (s * dp + d) * tp + t;
  };
  for (std::uint32_t s = 0; s < pp; ++s)
    for (std::uint32_t d = 0; d < dp; ++d)
      for (std::uint32_t t = 0; t < tp; ++t) {
        RankPlace rank = place(s);
        rank.dp_index = d;
        rank.tp_index = t;
        if (pp > 1) rank.next = rank_at((s + 1) % pp, d, t);
        if (pp > 1) rank.previous = rank_at((s + pp - 1) % pp, d, t);
        job.ranks.push_back(rank);
      }
  std::vector<Rank> ranks;
  const auto flush = [&](GroupRole role) {
    if (ranks.size() > 1) add_group(job, role, ranks);
    ranks.clear();
  };
  for (std::uint32_t s = 0; s < pp; ++s)
    for (std::uint32_t d = 0; d < dp; ++d, flush(GroupRole::kTensor))
      for (std::uint32_t t = 0; t < tp; ++t) ranks.push_back(rank_at(s, d, t));
  for (std::uint32_t s = 0; s < pp; ++s)
    for (std::uint32_t t = 0; t < tp; ++t, flush(GroupRole::kData))
      for (std::uint32_t d = 0; d < dp; ++d) ranks.push_back(rank_at(s, d, t));
  for (std::uint32_t d = 0; d < dp; ++d) {
    for (std::uint32_t t = 0; t < tp; ++t, flush(GroupRole::kEmbedding))
      if (pp > 1) ranks = {rank_at(0, d, t), rank_at(pp - 1, d, t)};
    for (std::uint32_t s = 0; s < pp; ++s)
      for (std::uint32_t t = 0; t < tp; ++t) ranks.push_back(rank_at(s, d, t));
    flush(GroupRole::kModel);
  }
  return job;
}

/// A job, where it runs, and what disturbs it.
struct RandomCase {
  JobShape shape;
  Job job;
  Topology topology;
  SimulateOptions options;
  StackProfile stack;
};

inline RandomCase random_case(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto pick = [&](auto... values) {
    const std::array all{values...};
    return all[random() % all.size()];
  };
  RandomCase result;
  JobShape& shape = result.shape;
  shape.tp = pick(1u, 2u, 4u);
  shape.pp = pick(1u, 2u, 3u, 4u);
  shape.dp = pick(1u, 2u, 4u);
  shape.microbatches = pick(1u, 2u, 5u, 8u);
  shape.layers = pick(1, 2, 3);
  shape.tensor_on_compute = random() % 3 == 0;
  shape.tensor_beside = random() % 2 == 0;
  shape.overlap_data = random() % 2 == 0;
  shape.host_waits = random() % 4 == 0;
  // With host waits as well, neighbours would wait for each other for ever.
  shape.send_waits = !shape.host_waits && seed % 3 == 0;
  shape.tied = shape.pp > 1 && random() % 2 == 0;
  shape.norm = random() % 2 == 0;
  shape.schedule = pick(Schedule::kGpipe, Schedule::kOneFOneB);
  shape.message_us = pick(1, 3, 20);
  shape.tensor_us = pick(1, 7);
  shape.data_us = pick(2, 11, 50);
  for (std::uint32_t stage = 0; stage < shape.pp; ++stage)
    shape.kernel_us.push_back(random() % 2 ? 10 : pick(5, 10, 20));
  result.job = grid_job(shape);
  const std::int64_t ranks = static_cast<std::int64_t>(result.job.ranks.size());
  switch (random() % 4) {
    case 0:
      result.topology = nvswitch_cluster((ranks + 7) / 8);
      break;
    case 1:
      result.topology = nvswitch_cluster((ranks + 3) / 4, 4, 1);
      break;
    case 2:
      result.topology = rail_cluster((ranks + 3) / 4, 2, 4);
      break;
    default:
      result.topology = nvswitch_cluster(ranks, 1, 1);
      break;
  }
  for (std::int64_t rank = 0; rank < ranks; ++rank) result.options.slowdown.push_back(1);
  if (random() % 2) result.options.slowdown[random() % result.options.slowdown.size()] = 1.25;
  result.stack = silent_cpu();
  const double issue = pick(0.0, 1e-6, 6e-6);
  result.stack.issue_forward = result.stack.issue_backward = Seconds(issue);
  result.stack.issue_collective = result.stack.issue_p2p = Seconds(2 * issue);
  result.stack.per_microbatch = result.stack.per_step = Seconds(3 * issue);
  return result;
}

}  // namespace stepcast
