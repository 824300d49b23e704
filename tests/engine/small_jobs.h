// Jobs of a few ranks, and costs with round numbers: a GEMM that takes as many microseconds as
// asked, a network without latency or loss, and a CPU that takes no time unless told.
#pragma once

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "sim/engine/job_run.h"
#include "sim/engine/simulate.h"
#include "sim/program/builder.h"
#include "sim/program/job.h"
#include "tests/topology/clusters.h"

namespace stepcast {

inline Device round_device() {
  Device device;
  device.name = "round";
  device.generation = "round";
  device.peak_fp16 = FlopsPerSec(1e12);
  device.memory_bandwidth = BytesPerSec(1e30);  // operands cost nothing
  device.num_sms = 100;
  return device;
}

inline StackProfile silent_cpu() {
  StackProfile stack;
  stack.gemm_efficiency = 1;
  stack.issue_forward = stack.issue_backward = stack.issue_update = Seconds(0);
  stack.issue_collective = stack.issue_p2p = Seconds(0);
  stack.per_microbatch = stack.per_step = Seconds(0);
  return stack;
}

inline CostModel round_costs(const StackProfile& stack = silent_cpu(),
                             NetworkProfile network = ideal_network_profile(),
                             Grade grade = Grade::kMeasured) {
  DeviceProfile profile;
  profile.name = "round";
  profile.device = "round";
  GemmModel gemm;
  gemm.efficiency = 1;
  gemm.memory_efficiency = 1;
  gemm.grade = grade;
  gemm.relative_sigma = 0.25;
  profile.gemm[static_cast<std::size_t>(Dtype::kFp16)] = gemm;
  return CostModel(round_device(), profile, std::move(network), stack);
}

/// 2 m n k / 1e12 s with n k = 500,000: m microseconds.
inline Kernel gemm_us(std::int64_t microseconds, KernelKind kind = KernelKind::kGemmForward) {
  return {
      .kind = kind, .dtype = Dtype::kFp16, .causal = false, .dims = {microseconds, 1000, 500, 1}};
}

/// `us` microseconds on one 300 GB/s NVLink.
inline Bytes nvlink_us(std::int64_t us) { return Bytes(us * 300'000); }

inline double in_us(Seconds time) { return time.value() * 1e6; }

inline RankPlace place(std::uint32_t program) {
  RankPlace result;
  result.program = program;
  return result;
}

/// Ranks 0 .. n-1 in a row, each with a program of its own, next and previous as in a ring.
inline Job pipeline_of(std::vector<Program> programs) {
  Job job;
  const Rank n = static_cast<Rank>(programs.size());
  for (Rank rank = 0; rank < n; ++rank) {
    job.ranks.push_back(place(rank));
    job.ranks.back().next = (rank + 1) % n;
    job.ranks.back().previous = (rank + n - 1) % n;
  }
  job.programs = std::move(programs);
  return job;
}

/// Puts `ranks` into a new group.
inline void add_group(Job& job, GroupRole role, std::vector<Rank> ranks) {
  for (Rank rank : ranks)
    job.ranks[rank].group[static_cast<int>(role)] = static_cast<std::uint32_t>(job.groups.size());
  job.groups.push_back({.role = role, .ranks = std::move(ranks)});
}

inline double sum_of(const TimeByCause& time) {
  return (time.compute + time.wait_tensor + time.wait_data + time.wait_embedding +
          time.wait_pipeline + time.wait_host + time.tail)
      .value();
}

/// One stage of a pipeline: forward and backward take so many microseconds.
struct StageTimes {
  std::int64_t forward = 1, backward = 2;
};

enum class Schedule { kGpipe, kOneFOneB };

/// Stage `stage` of `stages`: receives, computes, sends. Messages of `size` bytes. The extra block,
/// if any, is called last.
class StageBuilder {
 public:
  StageBuilder(int stage, int stages, std::uint32_t microbatches, StageTimes times, Bytes size)
      : first_(stage == 0),
        last_(stage + 1 == stages),
        warmup_(static_cast<std::uint32_t>(stages - stage)),
        microbatches_(microbatches),
        builder("stage " + std::to_string(stage), microbatches) {
    buffer_ = builder.resident("boundary", size, Dtype::kFp16, BufferCategory::kCommunication);
    forward_ = pass("forward", gemm_us(times.forward), !first_, !last_, Peer::kPrevious,
                    Peer::kNext, Stream::kRecvPrevious, Stream::kSendNext, size);
    backward_ = pass("backward", gemm_us(times.backward, KernelKind::kGemmDgrad), !last_, !first_,
                     Peer::kNext, Peer::kPrevious, Stream::kRecvNext, Stream::kSendPrevious, size);
  }

  void call(Schedule schedule) {
    const std::uint32_t ahead =
        schedule == Schedule::kGpipe ? microbatches_ : std::min(warmup_, microbatches_);
    for (std::uint32_t i = 0; i < ahead; ++i) builder.call(forward_, i);
    for (std::uint32_t i = 0; i < microbatches_; ++i) {
      builder.call(backward_, i);
      if (ahead + i < microbatches_) builder.call(forward_, ahead + i);
    }
  }

 private:
  BlockId pass(const std::string& name, const Kernel& kernel, bool receives, bool sends, Peer from,
               Peer to, Stream in, Stream out, Bytes size) {
    const BlockId block = builder.begin_block(name);
    const EventId arrived = builder.event(name + " arrived");
    const EventId computed = builder.event(name + " computed");
    if (receives)
      builder.recv(in, {.peer = from, .size = size, .tag = 0, .buffer = buffer_},
                   {.signals = arrived});
    builder.compute(kernel, {}, {},
                    {.waits_for = receives ? std::vector{arrived} : std::vector<EventId>{},
                     .signals = computed});
    if (sends)
      builder.send(out, {.peer = to, .size = size, .tag = 0, .buffer = buffer_},
                   {.waits_for = {computed}});
    return block;
  }

  bool first_, last_;
  std::uint32_t warmup_, microbatches_;
  BufferId buffer_ = 0;
  BlockId forward_ = 0, backward_ = 0;

 public:
  ProgramBuilder builder;
};

inline Job pipeline(const std::vector<StageTimes>& stages, std::uint32_t microbatches,
                    Schedule schedule, Bytes size) {
  std::vector<Program> programs;
  for (int stage = 0; stage < static_cast<int>(stages.size()); ++stage) {
    StageBuilder builder(stage, static_cast<int>(stages.size()), microbatches,
                         stages[static_cast<std::size_t>(stage)], size);
    builder.call(schedule);
    programs.push_back(std::move(builder.builder).finish());
  }
  return pipeline_of(std::move(programs));
}

}  // namespace stepcast
