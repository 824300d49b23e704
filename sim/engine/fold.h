// Folding: which ranks, channels and links are alike, so that one of each need be simulated.
//
// A channel is a communicator or one direction between two pipeline neighbours: ranks that post to
// it and links that its bytes cross. Colour refinement (1-WL; Paige & Tarjan 1987 for the notion of
// a stable partition) splits the classes of ranks, channels and links until all members of a class
// have, for every class of neighbours and every edge label, the same number of neighbours in it.
//
// Why the quotient is exact. Claim: at every moment members of a class are in the same state.
// Ranks of a class run the same program at the same speed, so they post their next operation when
// their last one ended, in all of them at once. A channel of a class hears its ranks; each member
// hears as many ranks of every class, so all members start together. Rates are a max-min fair
// allocation, which is unique (Bertsekas & Gallager, Data Networks, 6.5); permuting the members of
// a class maps the allocation to one that is fair too, because every link of a class sees the same
// multiset of (channel class, weight); hence alike channels get equal rates, and have equal bytes:
// they end together. Induction over the events gives the claim. One channel of a class then stands
// for all, if a link carries for it the weight of all members on one link of its class
// (channels.cpp, fold_links).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace stepcast {

/// Ranks, channels and links with their edges. Colours and labels are any numbers that differ where
/// the things differ (hashes will do).
struct FoldGraph {
  struct Member {
    std::uint32_t rank = 0;
    std::uint32_t port =
        0;  ///< what the channel is to the rank; a rank may be in it under two ports
  };
  struct Use {
    std::uint32_t link = 0;
    std::uint64_t label = 0;  ///< differs where the weights differ
  };

  std::vector<std::uint64_t> rank_colour, channel_colour, link_colour;
  std::vector<std::uint32_t> member_begin{0};  ///< by channel, one more at the end
  std::vector<Member> members;
  std::vector<std::uint32_t> use_begin{0};
  std::vector<Use> uses;  ///< a link occurs at most once in a channel

  std::span<const Member> members_of(std::uint32_t channel) const {
    return std::span(members).subspan(member_begin[channel],
                                      member_begin[channel + 1] - member_begin[channel]);
  }
  std::span<const Use> uses_of(std::uint32_t channel) const {
    return std::span(uses).subspan(use_begin[channel], use_begin[channel + 1] - use_begin[channel]);
  }
};

/// A partition of things 0..n-1, classes numbered by first occurrence.
struct Classes {
  std::vector<std::uint32_t> of;              ///< class by thing
  std::vector<std::uint32_t> representative;  ///< first member, by class
  std::vector<std::uint32_t> size;            ///< by class
  std::uint32_t count() const { return static_cast<std::uint32_t>(size.size()); }
};

/// The stable partition.
struct Quotient {
  Classes ranks, channels, links;
};

/// The coarsest stable partition finer than the initial colours. Deterministic. Takes
/// O(edges * rounds); the colours are 128-bit hashes, so unlike things collide with probability
/// 2^-100.
Quotient fold(const FoldGraph& graph);

}  // namespace stepcast
