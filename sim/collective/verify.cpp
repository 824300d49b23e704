#include "sim/collective/verify.h"

#include <algorithm>
#include <span>
#include <tuple>

namespace stepcast {
namespace {

constexpr std::size_t kMaxProblems = 10;

std::string text(const Transfer& transfer) {
  return "step " + std::to_string(transfer.step) + ": rank " + std::to_string(transfer.from) +
         " to " + std::to_string(transfer.to) + ", chunk " + std::to_string(transfer.chunk);
}

/// For each participant and chunk a set of contributors, as bits: all ranks where a collective
/// adds; else one bit, for the one rank that a chunk comes from.
class Holdings {
 public:
  Holdings(std::uint32_t participants, std::uint32_t chunks, std::uint32_t contributors)
      : chunks_(chunks),
        words_((contributors + 63) / 64),
        bits_(std::size_t{participants} * chunks * words_, 0) {}

  using Set = std::span<std::uint64_t>;
  Set of(std::uint32_t participant, std::uint32_t chunk) {
    return Set(bits_).subspan((std::size_t{participant} * chunks_ + chunk) * words_, words_);
  }
  std::size_t words() const { return words_; }
  static void add(Set set, std::uint32_t contributor) {
    set[contributor / 64] |= std::uint64_t{1} << (contributor % 64);
  }

 private:
  std::uint32_t chunks_;
  std::size_t words_;
  std::vector<std::uint64_t> bits_;
};

bool is_empty(std::span<const std::uint64_t> set) {
  return std::all_of(set.begin(), set.end(), [](std::uint64_t word) { return word == 0; });
}

bool meet(std::span<const std::uint64_t> a, std::span<const std::uint64_t> b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if ((a[i] & b[i]) != 0) return true;
  return false;
}

class Verifier {
 public:
  explicit Verifier(const CollectiveSchedule& schedule)
      : schedule_(schedule), held_(0, schedule.chunks, 1) {}

  std::vector<std::string> run() {
    check_ranges();
    if (!problems_.empty()) return std::move(problems_);
    held_ = Holdings(schedule_.participants(), schedule_.chunks, contributors());
    fill_begin();
    for_each_step([&](std::span<const Transfer> step) { run_step(step); });
    check_end();
    return std::move(problems_);
  }

 private:
  void report(std::string problem) {
    if (problems_.size() < kMaxProblems) problems_.push_back(std::move(problem));
  }

  template <typename Do>
  void for_each_step(Do run) {
    const std::span<const Transfer> all(schedule_.transfers);
    for (std::size_t first = 0; first < all.size();) {
      std::size_t last = first;
      while (last < all.size() && all[last].step == all[first].step) ++last;
      run(all.subspan(first, last - first));
      first = last;
    }
  }

  void check_ranges() {
    std::uint32_t step = 0;
    for (const Transfer& transfer : schedule_.transfers) {
      if (transfer.from >= schedule_.participants() || transfer.to >= schedule_.participants() ||
          transfer.chunk >= schedule_.chunks || transfer.from == transfer.to)
        report(text(transfer) + ": no such rank or chunk");
      if (transfer.step < step) report(text(transfer) + ": stands after a later step");
      step = transfer.step;
    }
    if (problems_.empty()) for_each_step([&](std::span<const Transfer> all) { check_lanes(all); });
  }

  /// A lane has one receiver per step, and a chunk is on its way there once.
  void check_lanes(std::span<const Transfer> step) {
    std::vector<const Transfer*> sorted;
    for (const Transfer& transfer : step) sorted.push_back(&transfer);
    const auto key = [](const Transfer* transfer) {
      return std::tuple(transfer->from, transfer->lane, transfer->to, transfer->chunk);
    };
    std::sort(sorted.begin(), sorted.end(),
              [&](const Transfer* a, const Transfer* b) { return key(a) < key(b); });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      const Transfer& before = *sorted[i - 1];
      const Transfer& next = *sorted[i];
      const bool same_lane = before.from == next.from && before.lane == next.lane;
      if (same_lane && (before.to != next.to || before.chunk == next.chunk))
        report(text(next) + ": lane " + std::to_string(next.lane) + " is busy in this step");
    }
  }

  bool reduces() const {
    return schedule_.kind == CollectiveKind::kAllReduce ||
           schedule_.kind == CollectiveKind::kReduceScatter ||
           schedule_.kind == CollectiveKind::kReduce;
  }
  std::uint32_t contributors() const { return reduces() ? schedule_.ranks : 1; }

  /// The rank whose data `chunk` is at the beginning, for kinds without reduction.
  std::uint32_t origin(std::uint32_t chunk) const {
    switch (schedule_.kind) {
      case CollectiveKind::kAllGather:
      case CollectiveKind::kSendRecv:
        return chunk;
      case CollectiveKind::kAllToAll:
        return chunk / schedule_.ranks;
      default:
        return 0;
    }
  }

  void fill_begin() {
    for (std::uint32_t chunk = 0; chunk < schedule_.chunks; ++chunk) {
      if (!reduces()) {
        Holdings::add(held_.of(origin(chunk), chunk), 0);
        continue;
      }
      for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank)
        Holdings::add(held_.of(rank, chunk), rank);
    }
  }

  /// All transfers of a step read before any of them writes.
  void run_step(std::span<const Transfer> step) {
    read_.clear();
    for (const Transfer& transfer : step) {
      const Holdings::Set sent = held_.of(transfer.from, transfer.chunk);
      read_.insert(read_.end(), sent.begin(), sent.end());
    }
    check_writers(step);
    for (std::size_t i = 0; i < step.size(); ++i)
      write(step[i],
            std::span<const std::uint64_t>(read_).subspan(i * held_.words(), held_.words()));
  }

  /// A chunk that is overwritten has no second writer in the same step: who comes last would be a
  /// matter of luck.
  void check_writers(std::span<const Transfer> step) {
    std::vector<const Transfer*> sorted;
    for (const Transfer& transfer : step) sorted.push_back(&transfer);
    std::sort(sorted.begin(), sorted.end(), [](const Transfer* a, const Transfer* b) {
      return std::tie(a->to, a->chunk, a->from) < std::tie(b->to, b->chunk, b->from);
    });
    for (std::size_t i = 1; i < sorted.size(); ++i) {
      const Transfer& before = *sorted[i - 1];
      const Transfer& next = *sorted[i];
      if (before.to == next.to && before.chunk == next.chunk && !(before.reduce && next.reduce))
        report(text(next) + ": two transfers write it in this step");
    }
  }

  void write(const Transfer& transfer, std::span<const std::uint64_t> sent) {
    const Holdings::Set target = held_.of(transfer.to, transfer.chunk);
    if (is_empty(sent)) report(text(transfer) + ": the sender does not have it yet");
    if (transfer.reduce && meet(target, sent))
      report(text(transfer) + ": a contribution is added twice");
    for (std::size_t i = 0; i < target.size(); ++i)
      target[i] = transfer.reduce ? target[i] | sent[i] : sent[i];
  }

  /// Whether `rank` must end with `chunk`.
  bool wanted(std::uint32_t rank, std::uint32_t chunk) const {
    switch (schedule_.kind) {
      case CollectiveKind::kAllReduce:
      case CollectiveKind::kAllGather:
      case CollectiveKind::kBroadcast:
        return true;
      case CollectiveKind::kReduceScatter:
        return chunk == rank;
      case CollectiveKind::kReduce:
        return rank == 0;
      case CollectiveKind::kAllToAll:
        return chunk % schedule_.ranks == rank;
      case CollectiveKind::kSendRecv:
        return (chunk + 1) % schedule_.ranks == rank;
    }
    return false;
  }

  void check_end() {
    Holdings all(1, 1, contributors());
    for (std::uint32_t i = 0; i < contributors(); ++i) Holdings::add(all.of(0, 0), i);
    for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank)
      for (std::uint32_t chunk = 0; chunk < schedule_.chunks; ++chunk)
        if (wanted(rank, chunk) && !std::ranges::equal(held_.of(rank, chunk), all.of(0, 0)))
          report("rank " + std::to_string(rank) + " ends without all of chunk " +
                 std::to_string(chunk));
  }

  const CollectiveSchedule& schedule_;
  Holdings held_;
  std::vector<std::uint64_t> read_;  // of the transfers of a step
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> verify(const CollectiveSchedule& schedule) {
  return Verifier(schedule).run();
}

}  // namespace stepcast
