#include "sim/engine/rank_walk.h"

#include <algorithm>
#include <utility>

#include "sim/base/error.h"
#include "sim/program/op_text.h"

namespace stepcast {

RankWalk::RankWalk(std::uint32_t rank_class, const Program& program, const ProgramIndex& index,
                   const Script& script, const FoldedChannels& channels, Meetings& meetings,
                   KernelClock clock, double start)
    : rank_class_(rank_class),
      program_(program),
      index_(index),
      script_(script),
      channels_(channels),
      meetings_(meetings),
      clock_(std::move(clock)),
      lanes_(script.lanes.size()),
      beside_(meetings),
      slots_(index.num_slots(), kUnknown),
      cpu_(start) {
  std::uint32_t segments = 0;
  for (const Call& call : program.calls) {
    first_segment_.push_back(segments);
    segments += static_cast<std::uint32_t>(script.segments[call.block].size());
  }
  entered_.reserve(segments);
  run_cpu();
}

/// The CPU issues segment after segment, until it must wait for a stream.
void RankWalk::run_cpu() {
  for (; cpu_call_ < program_.calls.size(); ++cpu_call_, cpu_segment_ = 0) {
    const auto& segments = script_.segments[program_.calls[cpu_call_].block];
    while (cpu_segment_ < segments.size()) {
      const auto& segment = segments[cpu_segment_++];
      entered_.push_back(cpu_);
      cpu_ += segment.issue;
      if (segment.host_wait) return;
    }
  }
}

std::uint64_t RankWalk::advance() {
  std::uint64_t total = 0;
  for (std::uint64_t steps = 1; steps > 0; total += steps) {
    steps = 0;
    for (std::uint32_t lane = 0; lane < lanes_.size(); ++lane) steps += advance(lane);
  }
  return total;
}

std::uint64_t RankWalk::advance(std::uint32_t id) {
  Lane& lane = lanes_[id];
  std::uint64_t taken = 0;
  for (; lane.call < program_.calls.size(); ++lane.call, lane.step = 0) {
    const auto range = script_.lanes[id].blocks[program_.calls[lane.call].block];
    for (; range.begin + lane.step < range.end; ++lane.step, ++taken)
      if (!take(id, script_.steps[range.begin + lane.step])) return taken;
  }
  return taken;
}

bool RankWalk::take(std::uint32_t id, const ScriptStep& step) {
  Lane& lane = lanes_[id];
  const std::uint32_t segment = first_segment_[lane.call] + step.segment;
  if (segment >= entered_.size()) return false;
  switch (step.kind) {
    case StepKind::kGate:
      return pass_gate(lane, step);
    case StepKind::kMap:
      apply(id, step, entered_[segment]);
      return true;
    case StepKind::kTransfer:
      return transfer(lane, step);
    case StepKind::kKernel:
      return run_kernel(lane, step);
    case StepKind::kHostMark:
      cpu_ = std::max(cpu_, lane.free[step.stream]);
      run_cpu();
      return true;
  }
  return false;
}

bool RankWalk::pass_gate(Lane& lane, const ScriptStep& step) {
  const std::uint32_t slot = index_.awaited_slot(lane.call, step.argument);
  if (slot == kNone) return true;
  if (slots_[slot] == kUnknown) return false;
  lane.free[step.stream] = std::max(lane.free[step.stream], slots_[slot]);
  return true;
}

void RankWalk::apply(std::uint32_t id, const ScriptStep& step, double cpu) {
  Lane& lane = lanes_[id];
  const MaxPlusMap& map = script_.maps[step.argument];
  const std::size_t streams = script_.lanes[id].streams.size();
  const double* coefficient = &script_.coefficients[map.first_coefficient];
  const auto next_row = [&] {
    double time = cpu + coefficient[streams];
    for (std::size_t i = 0; i < streams; ++i) time = std::max(time, lane.free[i] + coefficient[i]);
    coefficient += streams + 1;
    return time;
  };
  std::array<double, kNumStreams> ends{};
  for (std::size_t i = 0; i < streams; ++i) ends[i] = next_row();
  for (std::uint32_t i = 0; i < map.num_exports; ++i)
    slots_[index_.signal_slot(lane.call, script_.exports[map.first_export + i])] = next_row();
  lane.free = ends;
}

bool RankWalk::transfer(Lane& lane, const ScriptStep& step) {
  const TransferStep& transfer = script_.transfers[step.argument];
  if (lane.posted == kNone) {
    const double issue = entered_[first_segment_[lane.call] + step.segment] + transfer.issue;
    lane.posted = meetings_.post(channels_.at(rank_class_, transfer.port),
                                 index_.ordinal(lane.call, transfer.port, transfer.ordinal),
                                 transfer.transfer, std::max(issue, lane.free[step.stream]));
    if (contains(clock_.ports, transfer.port)) beside_.add(lane.posted, transfer.port);
  }
  const double end = meetings_.meeting(lane.posted).end;
  if (end == kUnknown) return false;
  lane.posted = kNone;
  lane.free[step.stream] = end;
  if (transfer.signal != kNone) slots_[index_.signal_slot(lane.call, transfer.signal)] = end;
  return true;
}

bool RankWalk::run_kernel(Lane& lane, const ScriptStep& step) {
  const KernelStep& kernel = script_.kernels[step.argument];
  const bool begins = lane.kernel_begin == kUnknown;
  if (begins) {
    const double issue = entered_[first_segment_[lane.call] + step.segment] + kernel.issue;
    lane.kernel_begin = std::max(issue, lane.free[step.stream]);
    beside_.forget_before(lane.kernel_begin);
  }
  if (begins && clock_.run_shared) start_shared(lane, kernel.work);
  const double end = clock_.run_shared ? lane.kernel_end : paced_end(lane, kernel);
  if (end == kUnknown) return false;
  lane.kernel_begin = lane.kernel_end = kUnknown;
  lane.free[step.stream] = end;
  if (kernel.signal != kNone) slots_[index_.signal_slot(lane.call, kernel.signal)] = end;
  kernel_ends_.push_back(end);
  return true;
}

void RankWalk::start_shared(Lane& lane, double work) {
  clock_.run_shared(lane.kernel_begin, work,
                    [this, &lane] { lane.kernel_end = clock_.network.now(); });
}

/// As long as the clock has not come to the kernel's end, transfers may begin that delay it.
double RankWalk::paced_end(Lane& lane, const KernelStep& kernel) {
  const double end =
      beside_.end_of(lane.kernel_begin, kernel.work, clock_.rates.of(kernel.memory_bound));
  if (end <= clock_.network.now()) return end;
  if (end != lane.called_at) clock_.call_at(end);
  lane.called_at = end;
  return kUnknown;
}

bool RankWalk::done() const {
  return std::all_of(lanes_.begin(), lanes_.end(),
                     [&](const Lane& lane) { return lane.call == program_.calls.size(); });
}

double RankWalk::end() const {
  double end = cpu_;
  for (const Lane& lane : lanes_)
    for (double free : lane.free) end = std::max(end, free);
  return end;
}

std::vector<std::string> RankWalk::stuck() const {
  std::vector<std::string> result;
  for (std::uint32_t id = 0; id < lanes_.size(); ++id) {
    const Lane& lane = lanes_[id];
    if (lane.call == program_.calls.size()) continue;
    const auto range = script_.lanes[id].blocks[program_.calls[lane.call].block];
    result.push_back(place_of(program_, lane.call, script_.steps[range.begin + lane.step].op));
  }
  return result;
}

}  // namespace stepcast
