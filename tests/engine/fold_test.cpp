#include "sim/engine/fold.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <random>

namespace stepcast {
namespace {

void add_channel(FoldGraph& graph, std::vector<FoldGraph::Member> members,
                 std::vector<FoldGraph::Use> uses, std::uint64_t colour = 0) {
  graph.members.insert(graph.members.end(), members.begin(), members.end());
  graph.member_begin.push_back(static_cast<std::uint32_t>(graph.members.size()));
  graph.uses.insert(graph.uses.end(), uses.begin(), uses.end());
  graph.use_begin.push_back(static_cast<std::uint32_t>(graph.uses.size()));
  graph.channel_colour.push_back(colour);
}

/// n ranks in pairs, each pair on a link of its own.
FoldGraph pairs(std::uint32_t n) {
  FoldGraph graph;
  graph.rank_colour.resize(n);
  graph.link_colour.resize(n / 2);
  for (std::uint32_t i = 0; i < n / 2; ++i)
    add_channel(graph, {{2 * i, 0}, {2 * i + 1, 0}}, {{i, 1}});
  return graph;
}

TEST(Fold, LikeThingsFallIntoOneClass) {
  const Quotient quotient = fold(pairs(8));
  EXPECT_EQ(quotient.ranks.count(), 1u);
  EXPECT_EQ(quotient.channels.count(), 1u);
  EXPECT_EQ(quotient.links.count(), 1u);
  EXPECT_EQ(quotient.channels.size[0], 4u);
}

TEST(Fold, OneOddRankSplitsItsPairOff) {
  FoldGraph graph = pairs(8);
  graph.rank_colour[5] = 1;
  const Quotient quotient = fold(graph);
  // {5}, {4} its partner, the other six; pair {4, 5}, the other three.
  EXPECT_EQ(quotient.ranks.count(), 3u);
  EXPECT_EQ(quotient.channels.count(), 2u);
  EXPECT_EQ(quotient.ranks.of[0], 0u);
  EXPECT_EQ(quotient.ranks.of[4], 1u);
  EXPECT_EQ(quotient.ranks.of[5], 2u);
  EXPECT_EQ(quotient.ranks.size[0], 6u);
}

TEST(Fold, OneSlowLinkSplitsItsUsersOff) {
  FoldGraph graph = pairs(6);
  graph.link_colour[1] = 7;
  EXPECT_EQ(fold(graph).ranks.count(), 2u);
}

TEST(Fold, PortsTellTheMembersOfAChannelApart) {
  FoldGraph graph = pairs(4);
  for (std::size_t i = 0; i < graph.members.size(); ++i) graph.members[i].port = i % 2;
  EXPECT_EQ(fold(graph).ranks.count(), 2u);
}

TEST(Fold, AChainIsRefinedFromItsEndsInwards) {
  // Seven ranks in a row, all alike but for where they stand: mirror images stay together.
  FoldGraph graph;
  graph.rank_colour.resize(7);
  for (std::uint32_t i = 0; i + 1 < 7; ++i) add_channel(graph, {{i, 0}, {i + 1, 0}}, {});
  const Quotient quotient = fold(graph);
  EXPECT_EQ(quotient.ranks.count(), 4u);
  EXPECT_EQ(quotient.ranks.of[0], quotient.ranks.of[6]);
  EXPECT_EQ(quotient.ranks.of[2], quotient.ranks.of[4]);
}

/// The definition of stability, checked by counting.
void expect_stable(const FoldGraph& graph, const Quotient& quotient) {
  using Seen = std::map<std::pair<std::uint64_t, std::uint32_t>, int>;
  std::vector<Seen> by_rank(graph.rank_colour.size()), by_link(graph.link_colour.size());
  std::vector<Seen> by_channel(graph.channel_colour.size());
  for (std::uint32_t channel = 0; channel < graph.channel_colour.size(); ++channel) {
    for (const auto& member : graph.members_of(channel)) {
      ++by_channel[channel][{member.port, quotient.ranks.of[member.rank]}];
      ++by_rank[member.rank][{member.port, quotient.channels.of[channel]}];
    }
    for (const auto& use : graph.uses_of(channel)) {
      ++by_channel[channel][{use.label + 1000, quotient.links.of[use.link]}];
      ++by_link[use.link][{use.label, quotient.channels.of[channel]}];
    }
  }
  const auto check = [](const Classes& classes, const std::vector<Seen>& seen) {
    for (std::size_t i = 0; i < seen.size(); ++i)
      EXPECT_EQ(seen[i], seen[classes.representative[classes.of[i]]]);
  };
  check(quotient.ranks, by_rank);
  check(quotient.links, by_link);
  check(quotient.channels, by_channel);
}

TEST(Fold, IsStableOnRandomGraphs) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 50; ++round) {
    FoldGraph graph;
    const std::uint32_t ranks = 4 + random() % 12, links = 2 + random() % 6;
    for (std::uint32_t i = 0; i < ranks; ++i) graph.rank_colour.push_back(random() % 2);
    for (std::uint32_t i = 0; i < links; ++i) graph.link_colour.push_back(random() % 2);
    for (std::uint32_t i = 0; i < ranks; ++i)
      add_channel(graph, {{i, 0}, {static_cast<std::uint32_t>(random() % ranks), 1}},
                  {{static_cast<std::uint32_t>(random() % links), random() % 2}});
    expect_stable(graph, fold(graph));
  }
}

}  // namespace
}  // namespace stepcast
