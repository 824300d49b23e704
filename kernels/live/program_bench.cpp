#include "kernels/live/program_bench.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "sim/ledger/statistics.h"

namespace stepcast {
namespace {

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

ProgramBench::ProgramBench(const Job& job, int rank, const LiveRank& live, const CoreShare& share,
                           const StepRecorder& recorder, const AdamSettings& adam)
    : pieces_(pieces_of(job)),
      rank_(rank),
      share_(share),
      partner_(partner_of(job, static_cast<Rank>(rank))),
      live_(live),
      recorder_(recorder),
      kernels_(pieces_.kernels, recorder, *live.device, adam, share),
      parts_(pieces_.collectives.size()) {
  const std::vector<RecordedCollective>& collectives = recorder.collectives();
  for (std::size_t i = 0; i < collectives.size(); i += collectives[i].op->parts.size()) {
    std::vector<std::size_t> parts(collectives[i].op->parts.size());
    for (std::size_t p = 0; p < parts.size(); ++p) parts[p] = i + p;
    parts_[place_of(pieces_.collectives, exchange_of(*collectives[i].op))].push_back(parts);
  }
}

std::vector<double> ProgramBench::run_round() {
  for (int i = 0; i < kSamples; ++i) in_turn([this] { kernels_.walk(); });
  std::vector<double> times = kernels_.take_in_place(), warm, cold;
  in_turn([&] { warm = kernels_.warm(); });
  in_turn([&] { cold = kernels_.cold(); });
  times.insert(times.end(), warm.begin(), warm.end());
  times.insert(times.end(), cold.begin(), cold.end());
  for (std::size_t i = 0; i < parts_.size(); ++i)
    times.push_back(collective(pieces_.collectives[i], parts_[i]));
  for (const Bytes size : pieces_.messages) times.push_back(message(size));
  return times;
}

/// All ranks at the same time, but those of a core one after the other.
void ProgramBench::in_turn(const std::function<void()>& work) const {
  for (int turn = 0; turn < share_.turns; ++turn) {
    barrier(*live_.world);
    // Who waits looks again for a millisecond before it sleeps and leaves the core to us.
    if (share_.turns > 1) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    if (turn == share_.turn) work();
  }
}

bool ProgramBench::had_core(double lost_before, double time) const {
  return share_.turns > 1 || lost_.seconds() - lost_before <= kMostLost * time;
}

double ProgramBench::collective(const JobPieces::Exchange& exchange,
                                std::span<const std::vector<std::size_t>> places) const {
  std::vector<double> good;
  for (int i = 0; i <= kSamples; ++i) {
    barrier(*live_.world);
    if (places.empty()) continue;
    const double lost = lost_.seconds();
    barrier(*live_.group(exchange.group));
    const double begin = wall_seconds();
    const std::vector<std::size_t>& place = places[static_cast<std::size_t>(i) % places.size()];
    std::vector<ExchangePart> parts;
    for (const std::size_t part : place)
      parts.push_back(
          {.from = recorder_.collectives()[part].from, .to = recorder_.collectives()[part].to});
    const Collective& op = *recorder_.collectives()[place.front()].op;
    live_.exchange->collective(Stream::kTensor, exchange.group, exchange.kind, parts,
                               element_of(op.dtype), op.reduce);
    live_.device->wait(Stream::kTensor);
    const double time = wall_seconds() - begin;
    if (i > 0 && had_core(lost, time)) good.push_back(time);
  }
  return good.empty() ? 0 : median(good);
}

// The lower rank of two partners is the earlier stage.
void ProgramBench::send_and_wait(int to, std::span<const std::byte> bytes) const {
  const Stream stream = rank_ < to ? Stream::kSendNext : Stream::kSendPrevious;
  live_.exchange->send(stream, to, bytes);
  live_.device->wait(stream);
}

void ProgramBench::receive_and_wait(int from, std::span<std::byte> bytes) const {
  const Stream stream = rank_ < from ? Stream::kRecvNext : Stream::kRecvPrevious;
  live_.exchange->receive(stream, from, bytes);
  live_.device->wait(stream);
}

/// There and back, halved.
double ProgramBench::message(Bytes size) const {
  const DeviceBlock memory = live_.device->allocate(size);
  const std::span<std::byte> bytes(memory.get(), static_cast<std::size_t>(size.value()));
  std::vector<double> good;
  for (int i = 0; i <= kSamples; ++i) {
    barrier(*live_.world);
    if (partner_ == kNone) continue;
    const auto other = static_cast<int>(partner_);
    const double lost = lost_.seconds(), begin = wall_seconds();
    if (rank_ < other) {
      send_and_wait(other, bytes);
      receive_and_wait(other, bytes);
    } else {
      receive_and_wait(other, bytes);
      send_and_wait(other, bytes);
    }
    const double time = (wall_seconds() - begin) / 2;
    if (i > 0 && had_core(lost, time)) good.push_back(time);
  }
  // Who answers is done as soon as its message is on the way.
  return good.empty() || rank_ > static_cast<int>(partner_) ? 0 : median(good);
}

}  // namespace stepcast
