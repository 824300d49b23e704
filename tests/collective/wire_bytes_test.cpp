// Every algorithm of the table moves the bytes that the textbooks say: the sum over all ranks
// exactly, that over all switches, and of the rank that sends most. Sources stand with the
// generators; here are the figures in units of the collective's size S, for n ranks in N nodes of
// g.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "sim/collective/algorithms.h"
#include "tests/collective/proved_counts.h"
#include "tests/support/algorithm_names.h"

namespace stepcast {
namespace {

struct Figures {
  double total = 0;     ///< of all ranks
  double most = 0;      ///< of one rank, at the most
  double switches = 0;  ///< of all switches
};

struct Counts {
  double n = 0, g = 0, nodes = 0;
  double p = 0;  ///< largest power of two up to n
  double levels() const { return std::bit_width(static_cast<std::uint32_t>(n) - 1); }
  bool is_power() const { return n == p; }
  /// In the tree of the fabric, whose switches have 8 children: of the leaves, of those above, ...
  double switches() const {
    double all = 0;
    for (double level = nodes; level > 1; all += level) level = std::ceil(level / 8);
    return all;
  }
};

/// All ranks alike.
Figures each(const Counts& c, double share, double switches = 0) {
  return {c.n * share, share, switches};
}

struct Row {
  CollectiveKind kind{};
  std::string name;
  Figures (*figures)(const Counts& c);
};

using K = CollectiveKind;
const std::vector<Row>& textbook() {
  static const std::vector<Row> rows = {
      {K::kAllReduce, "ring", [](const Counts& c) { return each(c, 2 * (c.n - 1) / c.n); }},
      // Sanders et al.: inside one tree (S/2 up, S/2 to each of two children), leaf of the other
      // (S/2 up): 2 S. The chains inside nodes add S/2 for each tree.
      {K::kAllReduce, "tree",
       [](const Counts& c) {
         return Figures{2 * (c.n - 1), c.g > 1 ? 3.0 : 2.0};
       }},
      // The switch sends every share's sum to its owner, who has it stored on all others.
      {K::kAllReduce, "nvls", [](const Counts& c) { return each(c, (c.n + 1) / c.n, c.n); }},
      // Into the switches S of every rank and S of every node; up and down the trees 2 S per edge.
      {K::kAllReduce, "nvls_tree",
       [](const Counts& c) {
         const double inside = c.g > 1 ? c.n + c.nodes : 0;
         const double most = c.g > 1 ? 1 + 1 / c.g : 0;
         return Figures{inside + 2 * (c.nodes - 1), most + 2 / c.g, c.g > 1 ? c.n : 0};
       }},
      // Up and down every link between switches, and down to every node.
      {K::kAllReduce, "sharp",
       [](const Counts& c) {
         return each(c, 2 * (c.g - 1) / c.g + (c.nodes > 1 ? 1 / c.g : 0),
                     c.nodes > 1 ? 2 * (c.switches() - 1) + c.nodes : 0);
       }},
      {K::kAllReduce, "halving_doubling",
       [](const Counts& c) {
         return Figures{2 * (c.p - 1) + 2 * (c.n - c.p),
                        2 * (c.p - 1) / c.p + (c.is_power() ? 0 : 1)};
       }},
      {K::kAllReduce, "hierarchical", [](const Counts& c) { return each(c, 2 * (c.n - 1) / c.n); }},
      {K::kAllReduce, "torus", [](const Counts& c) { return each(c, 2 * (c.n - 1) / c.n); }},
      {K::kAllGather, "ring", [](const Counts& c) { return each(c, (c.n - 1) / c.n); }},
      {K::kAllGather, "nvls", [](const Counts& c) { return each(c, 1 / c.n, c.n - 1); }},
      {K::kAllGather, "direct", [](const Counts& c) { return each(c, (c.n - 1) / c.n); }},
      {K::kAllGather, "pat", [](const Counts& c) { return each(c, (c.n - 1) / c.n); }},
      {K::kAllGather, "sharp",
       [](const Counts& c) {
         return each(c, (c.g - 1) / c.g + (c.nodes > 1 ? 1 / c.n : 0),
                     c.nodes > 1 ? c.switches() - 1 + c.nodes - 1 : 0);
       }},
      // Everybody gets every other chunk once. A core has two chunks at the most to begin with, and
      // may have a silent neighbour to tell in the end.
      {K::kAllGather, "halving_doubling",
       [](const Counts& c) {
         return Figures{c.n - 1, c.is_power() ? (c.n - 1) / c.n : (2 * (c.p - 1) + c.n - 1) / c.n};
       }},
      {K::kReduceScatter, "ring", [](const Counts& c) { return each(c, (c.n - 1) / c.n); }},
      {K::kReduceScatter, "nvls", [](const Counts& c) { return each(c, 1, 1); }},
      {K::kReduceScatter, "pat", [](const Counts& c) { return each(c, (c.n - 1) / c.n); }},
      {K::kReduceScatter, "sharp",
       [](const Counts& c) { return each(c, (c.n - 1) / c.n, c.nodes > 1 ? c.switches() : 0); }},
      // A tree over all ranks for every chunk, and the results of silent ranks on their way back.
      {K::kReduceScatter, "halving_doubling",
       [](const Counts& c) {
         return Figures{c.n - 1 + (c.n - c.p) / c.n, c.is_power() ? (c.n - 1) / c.n : 1 + 1 / c.n};
       }},
      {K::kBroadcast, "ring",
       [](const Counts& c) {
         return Figures{c.n - 1, 1};
       }},
      {K::kBroadcast, "tree",
       [](const Counts& c) {
         return Figures{c.n - 1, 1};
       }},
      {K::kBroadcast, "binomial",
       [](const Counts& c) {
         return Figures{c.n - 1, c.levels()};
       }},
      {K::kReduce, "ring",
       [](const Counts& c) {
         return Figures{c.n - 1, 1};
       }},
      {K::kReduce, "tree",
       [](const Counts& c) {
         return Figures{c.n - 1, 1};
       }},
      {K::kReduce, "binomial",
       [](const Counts& c) {
         return Figures{c.n - 1, 1};
       }},
      {K::kAllToAll, "pairwise", [](const Counts& c) { return each(c, (c.n - 1) / c.n); }},
      {K::kAllToAll, "hierarchical",
       [](const Counts& c) { return each(c, (c.g - 1) / c.g + (c.nodes - 1) / c.nodes); }},
      {K::kSendRecv, "pairwise", [](const Counts& c) { return each(c, 1); }},
  };
  return rows;
}

class WireBytes : public testing::TestWithParam<CollectiveAlgorithm> {};
INSTANTIATE_TEST_SUITE_P(Table, WireBytes,
                         testing::ValuesIn(collective_algorithms().begin(),
                                           collective_algorithms().end()),
                         PrintedName());

TEST_P(WireBytes, AreTheTextbooks) {
  const auto row = std::find_if(textbook().begin(), textbook().end(), [](const Row& candidate) {
    return candidate.kind == GetParam().kind && candidate.name == GetParam().name;
  });
  ASSERT_NE(row, textbook().end()) << "write the algorithm's figures into the table above";
  for (const std::uint32_t ranks : proved_counts()) {
    const GroupShape shape = usual_shape(ranks);
    const CollectiveSchedule schedule = GetParam().make_for(shape);
    const std::int64_t size = std::int64_t{schedule.chunks} * ranks;  // all chunks alike
    std::vector<std::int64_t> sent(schedule.participants(), 0);
    for (const Transfer& transfer : schedule.transfers)
      sent[transfer.from] += chunk_size(schedule, Bytes(size), transfer.chunk).value();
    std::int64_t total = 0, by_switches = 0;
    for (std::size_t id = ranks; id < sent.size(); ++id) by_switches += sent[id];
    sent.resize(ranks);
    for (const std::int64_t bytes : sent) total += bytes;
    const auto s = static_cast<double>(size);
    const auto nodes = ranks / shape.per_node;
    const Figures expected = row->figures({.n = static_cast<double>(ranks),
                                           .g = static_cast<double>(shape.per_node),
                                           .nodes = static_cast<double>(nodes),
                                           .p = static_cast<double>(std::bit_floor(ranks))});
    EXPECT_NEAR(static_cast<double>(total), expected.total * s, 1e-9 * s) << ranks;
    EXPECT_NEAR(static_cast<double>(by_switches), expected.switches * s, 1e-9 * s) << ranks;
    EXPECT_LE(static_cast<double>(*std::max_element(sent.begin(), sent.end())),
              expected.most * s * (1 + 1e-12))
        << ranks;
  }
}

}  // namespace
}  // namespace stepcast
