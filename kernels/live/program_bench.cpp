#include "kernels/live/program_bench.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "kernels/live/rank_main.h"
#include "kernels/live/step_plan.h"
#include "sim/base/error.h"
#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

/// Shorter kernels are timed several at once.
constexpr double kLeastSample = 5e-6;
/// More than a core's share of any cache.
constexpr std::int64_t kMostElsewhere = 64 << 20;

template <typename T>
std::size_t place_of(const std::vector<T>& list, const T& what) {
  return static_cast<std::size_t>(std::find(list.begin(), list.end(), what) - list.begin());
}

template <typename T>
void add_once(std::vector<T>& list, const T& what) {
  if (place_of(list, what) == list.size()) list.push_back(what);
}

JobPieces::Exchange exchange_of(const Collective& op) {
  return {.kind = op.kind, .group = op.group, .size = op.size};
}

/// Every rank with the next one of its pipeline, as far as both are free.
Rank partner_of(const Job& job, Rank rank) {
  std::vector<Rank> partners(job.ranks.size(), kNone);
  for (Rank r = 0; r < job.ranks.size(); ++r) {
    const Rank next = job.ranks[r].next;
    if (next == kNone || next == r || partners[r] != kNone || partners[next] != kNone) continue;
    partners[r] = next;
    partners[next] = r;
  }
  return partners[rank];
}

}  // namespace

JobPieces pieces_of(const Job& job) {
  JobPieces pieces;
  for (const Program& program : job.programs)
    for (const Block& block : program.blocks)
      for (const Op& op : block.ops) {
        if (const auto* compute = std::get_if<Compute>(&op.what))
          add_once(pieces.kernels, compute->kernel);
        if (const auto* collective = std::get_if<Collective>(&op.what))
          add_once(pieces.collectives, exchange_of(*collective));
        if (const auto* send = std::get_if<Send>(&op.what)) add_once(pieces.messages, send->size);
      }
  return pieces;
}

ProgramBench::ProgramBench(const Job& job, int rank, const LiveRank& live,
                           const StepRecorder& recorder, LauncherTable launchers,
                           const AdamSettings& adam)
    : pieces_(pieces_of(job)),
      rank_(rank),
      partner_(partner_of(job, static_cast<Rank>(rank))),
      live_(live),
      recorder_(recorder),
      launchers_(launchers),
      adam_(adam),
      launches_(pieces_.kernels.size()),
      parts_(pieces_.collectives.size()) {
  const auto cores = static_cast<int>(usable_cores().size());
  const Program& program = job.programs[job.ranks[static_cast<std::size_t>(rank)].program];
  elsewhere_.resize(
      static_cast<std::size_t>(std::min(plan_step(program).arena_size.value(), kMostElsewhere)), 1);
  waves_ = (static_cast<int>(job.ranks.size()) + cores - 1) / cores;
  wave_ = rank / cores;
  for (std::size_t i = 0; i < recorder.launches().size(); ++i)
    launches_[place_of(pieces_.kernels, *recorder.launches()[i].kernel)].push_back(i);
  const std::vector<RecordedCollective>& collectives = recorder.collectives();
  for (std::size_t i = 0; i < collectives.size(); i += collectives[i].op->parts.size()) {
    std::vector<std::size_t> parts(collectives[i].op->parts.size());
    for (std::size_t p = 0; p < parts.size(); ++p) parts[p] = i + p;
    parts_[place_of(pieces_.collectives, exchange_of(*collectives[i].op))].push_back(parts);
  }
}

std::vector<double> ProgramBench::run_round() {
  std::vector<double> times;
  for (std::size_t k = 0; k < launches_.size(); ++k) {
    double time = 0;
    for (int wave = 0; wave < waves_; ++wave) {
      barrier(*live_.world);
      // Who waits looks again for a millisecond before it sleeps and leaves the core to us.
      if (waves_ > 1) std::this_thread::sleep_for(std::chrono::milliseconds(2));
      if (wave == wave_ && !launches_[k].empty()) time = kernel(pieces_.kernels[k], launches_[k]);
    }
    times.push_back(time);
  }
  for (std::size_t i = 0; i < parts_.size(); ++i)
    times.push_back(collective(pieces_.collectives[i], parts_[i]));
  for (const Bytes size : pieces_.messages) times.push_back(message(size));
  return times;
}

void ProgramBench::launch(const RecordedLaunch& recorded) const {
  launchers_[static_cast<std::size_t>(recorded.kernel->kind)]({.kernel = *recorded.kernel,
                                                               .arguments = *recorded.arguments,
                                                               .operands = recorded.operands,
                                                               .index = recorded.index,
                                                               .adam = adam_});
}

bool ProgramBench::had_core(double lost_before, double time) const {
  return waves_ > 1 || lost_.seconds() - lost_before <= kMostLost * time;
}

void ProgramBench::walk_elsewhere() {
  constexpr std::size_t kLine = 64;
  for (std::size_t i = 0; i < elsewhere_.size(); i += kLine) ++elsewhere_[i];
}

double ProgramBench::kernel(const Kernel& kernel, std::span<const std::size_t> places) {
  const bool update = info(kernel.kind).pass == KernelPass::kUpdate;
  const auto run = [&](int times) {
    if (update) walk_elsewhere();
    const double begin = wall_seconds();
    for (int i = 0; i < times; ++i) launch(recorder_.launches()[places[turn_++ % places.size()]]);
    return (wall_seconds() - begin) / times;
  };
  const double first = run(1);
  const double runs = update ? 1 : std::ceil(kLeastSample / std::max(first, 1e-7));
  const int times = std::max(1, static_cast<int>(runs));
  std::vector<double> good;
  for (int i = 0; i < kSamples; ++i) {
    const double lost = lost_.seconds(), begin = wall_seconds(), time = run(times);
    if (had_core(lost, wall_seconds() - begin)) good.push_back(time);
  }
  return good.empty() ? 0 : median(good);
}

double ProgramBench::collective(const JobPieces::Exchange& exchange,
                                std::span<const std::vector<std::size_t>> places) {
  std::vector<double> good;
  for (int i = 0; i <= kSamples; ++i) {
    barrier(*live_.world);
    if (places.empty()) continue;
    const double lost = lost_.seconds();
    barrier(*live_.group(exchange.group));
    const double begin = wall_seconds();
    for (const std::size_t part : places[static_cast<std::size_t>(i) % places.size()]) {
      const RecordedCollective& recorded = recorder_.collectives()[part];
      live_.group(exchange.group)
          ->run(exchange.kind, recorded.from, recorded.to, element_of(recorded.op->dtype),
                recorded.op->reduce);
    }
    const double time = wall_seconds() - begin;
    if (i > 0 && had_core(lost, time)) good.push_back(time);
  }
  return good.empty() ? 0 : median(good);
}

/// There and back, halved.
double ProgramBench::message(Bytes size) {
  std::vector<std::byte> bytes(static_cast<std::size_t>(size.value()));
  std::vector<double> good;
  for (int i = 0; i <= kSamples; ++i) {
    barrier(*live_.world);
    if (partner_ == kNone) continue;
    const auto other = static_cast<int>(partner_);
    const double lost = lost_.seconds(), begin = wall_seconds();
    if (rank_ < other) {
      live_.world->send(other, bytes);
      live_.world->receive(other, bytes);
    } else {
      live_.world->receive(other, bytes);
      live_.world->send(other, bytes);
    }
    const double time = (wall_seconds() - begin) / 2;
    if (i > 0 && had_core(lost, time)) good.push_back(time);
  }
  // Who answers is done as soon as its message is on the way.
  return good.empty() || rank_ > static_cast<int>(partner_) ? 0 : median(good);
}

}  // namespace stepcast
