// Recursive halving and doubling [Rabenseifner, Optimization of collective reduction operations,
// ICCS 2004; Thakur, Rabenseifner and Gropp 2005]: in each round a rank exchanges with one partner,
// first a half of the buffer with its neighbour, then quarters with ranks twice as far, and so on;
// an all-gather goes the same way back. So the largest messages go to the nearest ranks.
//
// Partners pair up among p = 2^k ranks. With more of them, the first 2 (n - p) are taken in pairs:
// the even rank hands its data to the odd one, and gets the result from it.
#include <bit>

#include "sim/collective/algorithms.h"

namespace stepcast {
namespace {

/// The p ranks that take part in the rounds, numbered 0 .. p-1, and their silent neighbours.
struct Cores {
  explicit Cores(std::uint32_t ranks) : count(std::bit_floor(ranks)), silent(ranks - count) {}
  std::uint32_t count = 0, silent = 0;
  std::uint32_t rank_of(std::uint32_t core) const {
    return core < silent ? 2 * core + 1 : core + silent;
  }
  std::uint32_t core_of(std::uint32_t rank) const {
    return rank < 2 * silent ? rank / 2 : rank - silent;
  }
  std::uint32_t levels() const { return static_cast<std::uint32_t>(std::bit_width(count)) - 1; }
};

class Rounds {
 public:
  /// Chunk c ends, or begins, on core `owner(c)`.
  Rounds(CollectiveKind kind, std::uint32_t ranks, std::uint32_t chunks)
      : cores_(ranks), schedule_{.kind = kind, .ranks = ranks, .chunks = chunks, .transfers = {}} {}

  /// Every core ends with the sums of its own chunks.
  void halve() {
    for (std::uint32_t level = 0; level < cores_.levels(); ++level)
      exchange(level, true, [&](std::uint32_t from, std::uint32_t to, std::uint32_t owner) {
        return agree(owner, from, level) && agree(owner, to, level + 1);
      });
  }
  /// Every core ends with all chunks.
  void double_up() {
    for (std::uint32_t level = cores_.levels(); level-- > 0;)
      exchange(level, false, [&](std::uint32_t from, std::uint32_t, std::uint32_t owner) {
        return agree(owner, from, level + 1);
      });
  }
  /// What the silent ranks hand to their neighbours, or get from them: those chunks that `wanted`
  /// says, by silent rank and chunk.
  template <typename Wanted>
  void fold(bool inwards, bool reduce, Wanted wanted) {
    for (std::uint32_t core = 0; core < cores_.silent; ++core)
      for (std::uint32_t chunk = 0; chunk < schedule_.chunks; ++chunk)
        if (wanted(2 * core, chunk))
          schedule_.transfers.push_back({.step = step_,
                                         .from = 2 * core + (inwards ? 0 : 1),
                                         .to = 2 * core + (inwards ? 1 : 0),
                                         .chunk = chunk,
                                         .reduce = reduce});
    if (cores_.silent > 0) ++step_;
  }
  CollectiveSchedule take() { return std::move(schedule_); }

 private:
  /// Whether two numbers have the same `bits` lowest bits.
  static bool agree(std::uint32_t a, std::uint32_t b, std::uint32_t bits) {
    return ((a ^ b) & ((1u << bits) - 1)) == 0;
  }
  std::uint32_t owner(std::uint32_t chunk) const {
    return schedule_.kind == CollectiveKind::kAllReduce ? chunk : cores_.core_of(chunk);
  }
  template <typename Sent>
  void exchange(std::uint32_t level, bool reduce, Sent sent) {
    for (std::uint32_t core = 0; core < cores_.count; ++core) {
      const std::uint32_t partner = core ^ (1u << level);
      for (std::uint32_t chunk = 0; chunk < schedule_.chunks; ++chunk)
        if (sent(core, partner, owner(chunk)))
          schedule_.transfers.push_back({.step = step_,
                                         .from = cores_.rank_of(core),
                                         .to = cores_.rank_of(partner),
                                         .chunk = chunk,
                                         .reduce = reduce});
    }
    ++step_;
  }

  Cores cores_;
  CollectiveSchedule schedule_;
  std::uint32_t step_ = 0;
};

constexpr auto kEverything = [](std::uint32_t, std::uint32_t) { return true; };
constexpr auto kItsOwn = [](std::uint32_t rank, std::uint32_t chunk) { return rank == chunk; };
constexpr auto kAllOthers = [](std::uint32_t rank, std::uint32_t chunk) { return rank != chunk; };

}  // namespace

/// 2 log2(p) rounds, 2 S (p-1)/p bytes; two rounds and S more for a pair with a silent rank.
CollectiveSchedule halving_doubling_all_reduce(std::uint32_t ranks) {
  Rounds rounds(CollectiveKind::kAllReduce, ranks, std::bit_floor(ranks));
  rounds.fold(true, true, kEverything);
  rounds.halve();
  rounds.double_up();
  rounds.fold(false, false, kEverything);
  return rounds.take();
}

/// log2(p) rounds, S (n-1)/n bytes when n = p.
CollectiveSchedule doubling_all_gather(std::uint32_t ranks) {
  Rounds rounds(CollectiveKind::kAllGather, ranks, ranks);
  rounds.fold(true, false, kItsOwn);
  rounds.double_up();
  rounds.fold(false, false, kAllOthers);
  return rounds.take();
}

CollectiveSchedule halving_reduce_scatter(std::uint32_t ranks) {
  Rounds rounds(CollectiveKind::kReduceScatter, ranks, ranks);
  rounds.fold(true, true, kEverything);
  rounds.halve();
  rounds.fold(false, false, kItsOwn);
  return rounds.take();
}

}  // namespace stepcast
