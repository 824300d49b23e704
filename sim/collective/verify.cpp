#include "sim/collective/verify.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace stepcast {
namespace {

constexpr std::size_t kMaxProblems = 10;

/// A set of ranks, as bits.
class Contributors {
 public:
  Contributors() = default;
  explicit Contributors(std::uint32_t ranks) : words_((ranks + 63) / 64, 0) {}
  void add(std::uint32_t rank) { words_[rank / 64] |= std::uint64_t{1} << (rank % 64); }
  bool empty() const {
    return std::all_of(words_.begin(), words_.end(), [](std::uint64_t word) { return word == 0; });
  }
  bool meets(const Contributors& other) const {
    for (std::size_t i = 0; i < words_.size(); ++i)
      if ((words_[i] & other.words_[i]) != 0) return true;
    return false;
  }
  void unite(const Contributors& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool operator==(const Contributors&) const = default;

 private:
  std::vector<std::uint64_t> words_;
};

std::string text(const Transfer& transfer) {
  return "step " + std::to_string(transfer.step) + ": rank " + std::to_string(transfer.from) +
         " to " + std::to_string(transfer.to) + ", chunk " + std::to_string(transfer.chunk);
}

class Verifier {
 public:
  explicit Verifier(const CollectiveSchedule& schedule) : schedule_(schedule) {}

  std::vector<std::string> run() {
    check_form();
    if (!problems_.empty()) return std::move(problems_);
    fill_begin();
    const auto& transfers = schedule_.transfers;
    for (std::size_t first = 0; first < transfers.size();) {
      std::size_t last = first;
      while (last < transfers.size() && transfers[last].step == transfers[first].step) ++last;
      run_step(first, last);
      first = last;
    }
    check_end();
    return std::move(problems_);
  }

 private:
  void report(std::string problem) {
    if (problems_.size() < kMaxProblems) problems_.push_back(std::move(problem));
  }

  Contributors& held(std::uint32_t rank, std::uint32_t chunk) {
    return held_[std::size_t{rank} * schedule_.chunks + chunk];
  }

  void check_form() {
    std::uint32_t step = 0;
    std::set<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t>> used;  // step, from, lane
    for (const Transfer& transfer : schedule_.transfers) {
      if (transfer.from >= schedule_.ranks || transfer.to >= schedule_.ranks ||
          transfer.chunk >= schedule_.chunks || transfer.from == transfer.to)
        report(text(transfer) + ": no such rank or chunk");
      if (transfer.step < step) report(text(transfer) + ": stands after a later step");
      step = transfer.step;
      if (!used.insert({transfer.step, transfer.from, transfer.lane}).second)
        report(text(transfer) + ": lane " + std::to_string(transfer.lane) +
               " is busy in this step");
    }
  }

  /// The rank whose data `chunk` is at the beginning, for kinds without reduction.
  std::uint32_t origin(std::uint32_t chunk) const {
    if (schedule_.kind == CollectiveKind::kAllGather) return chunk;
    if (schedule_.kind == CollectiveKind::kAllToAll) return chunk / schedule_.ranks;
    return 0;
  }

  bool reduces() const {
    return schedule_.kind == CollectiveKind::kAllReduce ||
           schedule_.kind == CollectiveKind::kReduceScatter ||
           schedule_.kind == CollectiveKind::kReduce;
  }

  void fill_begin() {
    held_.assign(std::size_t{schedule_.ranks} * schedule_.chunks, Contributors(schedule_.ranks));
    for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank)
      for (std::uint32_t chunk = 0; chunk < schedule_.chunks; ++chunk)
        if (reduces() || origin(chunk) == rank) held(rank, chunk).add(rank);
  }

  /// All transfers of a step read before any of them writes.
  void run_step(std::size_t first, std::size_t last) {
    std::vector<Contributors> read;
    for (std::size_t i = first; i < last; ++i) {
      const Transfer& transfer = schedule_.transfers[i];
      read.push_back(held(transfer.from, transfer.chunk));
    }
    for (std::size_t i = first; i < last; ++i) {
      const Transfer& transfer = schedule_.transfers[i];
      const Contributors& sent = read[i - first];
      Contributors& target = held(transfer.to, transfer.chunk);
      if (sent.empty()) report(text(transfer) + ": the sender does not have it yet");
      if (!transfer.reduce) {
        target = sent;
        continue;
      }
      if (target.meets(sent)) report(text(transfer) + ": a contribution is added twice");
      target.unite(sent);
    }
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
    }
    return false;
  }

  void check_end() {
    Contributors all(schedule_.ranks);
    for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank) all.add(rank);
    for (std::uint32_t rank = 0; rank < schedule_.ranks; ++rank) {
      for (std::uint32_t chunk = 0; chunk < schedule_.chunks; ++chunk) {
        if (!wanted(rank, chunk)) continue;
        Contributors expected = all;
        if (!reduces()) {
          expected = Contributors(schedule_.ranks);
          expected.add(origin(chunk));
        }
        if (held(rank, chunk) != expected)
          report("rank " + std::to_string(rank) + " ends without all of chunk " +
                 std::to_string(chunk));
      }
    }
  }

  const CollectiveSchedule& schedule_;
  std::vector<Contributors> held_;  // by rank, then chunk
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::string> verify(const CollectiveSchedule& schedule) {
  return Verifier(schedule).run();
}

}  // namespace stepcast
