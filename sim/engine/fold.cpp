#include "sim/engine/fold.h"

#include <bit>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// 128 bits in two independent halves. Sums of them hash multisets.
struct Colour {
  std::uint64_t a = 0, b = 0;
  bool operator==(const Colour&) const = default;
  Colour& operator+=(const Colour& other) { return a += other.a, b += other.b, *this; }
};

/// Bijective mixing of 64 bits: the finaliser of MurmurHash3 (Appleby, public domain constants).
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdULL;
  x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53ULL;
  return x ^ (x >> 33);
}

/// One neighbour, seen along an edge.
Colour seen(std::uint64_t label, const Colour& colour) {
  return {mix(colour.a + label * 0x9e3779b97f4a7c15ULL),
          mix(colour.b ^ (label * 0xd1342543de82ef95ULL))};
}

/// A thing's next colour: its own, and the multiset of what it sees.
Colour next_colour(const Colour& own, const Colour& sum) {
  return {mix(own.a * 3 + sum.a), mix(own.b + std::rotl(sum.b, 23) + 0x632be59bd9b4e019ULL)};
}

/// Distinct colours, numbered by first occurrence. Open addressing; nothing depends on slot order.
class ColourIndex {
 public:
  explicit ColourIndex(std::size_t things)
      : mask_(std::bit_ceil(2 * things + 2) - 1), keys_(mask_ + 1), ids_(mask_ + 1, kFree) {}

  std::uint32_t id_of(const Colour& colour) {
    std::size_t slot = colour.a & mask_;
    while (ids_[slot] != kFree && !(keys_[slot] == colour)) slot = (slot + 1) & mask_;
    if (ids_[slot] == kFree) {
      keys_[slot] = colour;
      ids_[slot] = count_++;
    }
    return ids_[slot];
  }
  std::uint32_t count() const { return count_; }

 private:
  static constexpr std::uint32_t kFree = 0xffffffffu;
  std::size_t mask_;
  std::uint32_t count_ = 0;
  std::vector<Colour> keys_;
  std::vector<std::uint32_t> ids_;
};

std::uint32_t count_distinct(const std::vector<Colour>& colours) {
  ColourIndex index(colours.size());
  for (const Colour& colour : colours) index.id_of(colour);
  return index.count();
}

std::vector<Colour> initial(const std::vector<std::uint64_t>& colours) {
  std::vector<Colour> result;
  result.reserve(colours.size());
  for (std::uint64_t colour : colours)
    result.push_back({mix(colour + 0x2545f4914f6cdd1dULL), mix(~colour)});
  return result;
}

Classes number(const std::vector<Colour>& colours) {
  Classes classes;
  ColourIndex index(colours.size());
  classes.of.reserve(colours.size());
  for (std::uint32_t thing = 0; thing < colours.size(); ++thing) {
    const std::uint32_t id = index.id_of(colours[thing]);
    if (id == classes.size.size()) {
      classes.representative.push_back(thing);
      classes.size.push_back(0);
    }
    ++classes.size[id];
    classes.of.push_back(id);
  }
  return classes;
}

class Refinement {
 public:
  explicit Refinement(const FoldGraph& graph)
      : graph_(graph),
        ranks_(initial(graph.rank_colour)),
        channels_(initial(graph.channel_colour)),
        links_(initial(graph.link_colour)) {}

  Quotient run() {
    // A round that splits nothing proves the partition stable: every colour contains the previous
    // one.
    for (std::uint64_t before = 0, now = count(); now != before;) {
      before = now;
      round();
      now = count();
    }
    Quotient quotient;
    quotient.ranks = number(ranks_);
    quotient.channels = number(channels_);
    quotient.links = number(links_);
    return quotient;
  }

 private:
  std::uint64_t count() const {
    return std::uint64_t{count_distinct(ranks_)} + count_distinct(channels_) +
           count_distinct(links_);
  }

  void round() {
    std::vector<Colour> rank_sum(ranks_.size()), link_sum(links_.size());
    for (std::uint32_t channel = 0; channel < channels_.size(); ++channel) {
      Colour rank_part, link_part;
      for (const auto& member : graph_.members_of(channel))
        rank_part += seen(member.port, ranks_[member.rank]);
      for (const auto& use : graph_.uses_of(channel))
        link_part += seen(use.label, links_[use.link]);
      channels_[channel] = next_colour(next_colour(channels_[channel], rank_part), link_part);
      const Colour colour = channels_[channel];
      for (const auto& member : graph_.members_of(channel))
        rank_sum[member.rank] += seen(member.port, colour);
      for (const auto& use : graph_.uses_of(channel)) link_sum[use.link] += seen(use.label, colour);
    }
    for (std::size_t i = 0; i < ranks_.size(); ++i) ranks_[i] = next_colour(ranks_[i], rank_sum[i]);
    for (std::size_t i = 0; i < links_.size(); ++i) links_[i] = next_colour(links_[i], link_sum[i]);
  }

  const FoldGraph& graph_;
  std::vector<Colour> ranks_, channels_, links_;
};

}  // namespace

Quotient fold(const FoldGraph& graph) {
  STEPCAST_CHECK(graph.member_begin.size() == graph.channel_colour.size() + 1 &&
                     graph.use_begin.size() == graph.channel_colour.size() + 1,
                 "fold graph: one range of members and links per channel");
  return Refinement(graph).run();
}

}  // namespace stepcast
