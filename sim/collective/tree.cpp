// Double binary tree [Sanders, Speck and Traeff, Two-tree algorithms for full bandwidth broadcast,
// reduction and scan, Parallel Computing 35 (2009)]: in one tree half of the ranks are leaves,
// which send once and never pass on; a second tree, where these are inside, uses what they have
// left.
#include <algorithm>
#include <utility>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"
#include "sim/collective/tree_shape.h"

namespace stepcast {
namespace {

/// Parents by rank: the trees join the first ranks of blocks; inside, each hangs on the one before.
std::vector<std::uint32_t> parents_of_ranks(std::span<const std::uint32_t> blocks,
                                            std::uint32_t tree) {
  const auto count = static_cast<std::uint32_t>(blocks.size());
  std::vector<std::uint32_t> heads;
  std::uint32_t ranks = 0;
  for (const std::uint32_t size : blocks) heads.push_back(std::exchange(ranks, ranks + size));
  std::vector<std::uint32_t> parents;
  for (std::uint32_t rank = 0; rank < ranks; ++rank) parents.push_back(rank - 1);
  const std::vector<std::uint32_t> of_blocks = double_tree_parents(count, tree);
  for (std::uint32_t block = 0; block < count; ++block)
    parents[heads[block]] = of_blocks[block] == kTreeRoot ? kTreeRoot : heads[of_blocks[block]];
  return parents;
}

/// Gives every transfer the first step in which its data is there and both ends have a free port: a
/// rank sends one chunk and receives one chunk per step.
class StepAllocator {
 public:
  explicit StepAllocator(std::uint32_t ranks) : sending_(ranks), receiving_(ranks) {}
  std::uint32_t first_free(std::uint32_t from, std::uint32_t to, std::uint32_t earliest) {
    std::uint32_t step = earliest;
    while (taken(sending_[from], step) || taken(receiving_[to], step)) ++step;
    take(sending_[from], step);
    take(receiving_[to], step);
    return step;
  }

 private:
  static bool taken(const std::vector<bool>& steps, std::uint32_t step) {
    return step < steps.size() && steps[step];
  }
  static void take(std::vector<bool>& steps, std::uint32_t step) {
    if (steps.size() <= step) steps.resize(step + 1, false);
    steps[step] = true;
  }
  std::vector<std::vector<bool>> sending_, receiving_;
};

/// One tree: its shape, and the lanes of its connections.
struct Tree {
  std::vector<std::uint32_t> parents;
  std::vector<std::uint32_t> order;       // children first
  std::vector<std::uint32_t> down_lanes;  // of the parent, for the way down to this rank
  std::uint32_t up_lane = 0;
};

Tree make_tree(std::span<const std::uint32_t> blocks, std::uint32_t index) {
  constexpr std::uint32_t kLanesPerTree = 4;  // up, and down to three children at the most
  Tree tree;
  tree.parents = parents_of_ranks(blocks, index);
  const auto ranks = static_cast<std::uint32_t>(tree.parents.size());
  tree.order = children_first(tree.parents);
  tree.up_lane = index * kLanesPerTree;
  std::vector<std::uint32_t> children(ranks, 0);
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    const std::uint32_t parent = tree.parents[rank];
    tree.down_lanes.push_back(parent == kTreeRoot ? 0 : tree.up_lane + 1 + children[parent]++);
  }
  return tree;
}

/// Sums chunk `chunk` up the tree, then sends it down.
void add_chunk(CollectiveSchedule& schedule, StepAllocator& steps, const Tree& tree,
               std::uint32_t chunk) {
  std::vector<std::uint32_t> ready(schedule.ranks, 0);  // first step with everything of the subtree
  for (std::uint32_t rank : tree.order) {
    const std::uint32_t parent = tree.parents[rank];
    if (parent == kTreeRoot) continue;
    const std::uint32_t step = steps.first_free(rank, parent, ready[rank]);
    schedule.transfers.push_back({step, rank, parent, chunk, tree.up_lane, true});
    ready[parent] = std::max(ready[parent], step + 1);
  }
  for (auto rank = tree.order.rbegin(); rank != tree.order.rend(); ++rank) {
    const std::uint32_t parent = tree.parents[*rank];
    if (parent == kTreeRoot) continue;
    const std::uint32_t step = steps.first_free(parent, *rank, ready[parent]);
    schedule.transfers.push_back({step, parent, *rank, chunk, tree.down_lanes[*rank], false});
    ready[*rank] = std::max(ready[*rank], step + 1);
  }
}

}  // namespace

CollectiveSchedule double_tree_all_reduce(std::uint32_t ranks, std::uint32_t pieces,
                                          std::uint32_t block) {
  STEPCAST_CHECK(block >= 1 && ranks >= 1 && ranks % block == 0, "blocks must be whole");
  return double_tree_all_reduce(std::vector<std::uint32_t>(ranks / block, block), pieces);
}

CollectiveSchedule double_tree_all_reduce(std::span<const std::uint32_t> blocks,
                                          std::uint32_t pieces) {
  STEPCAST_CHECK(std::find(blocks.begin(), blocks.end(), 0u) == blocks.end(), "an empty block");
  const Tree trees[] = {make_tree(blocks, 0), make_tree(blocks, 1)};
  const auto ranks = static_cast<std::uint32_t>(trees[0].parents.size());
  CollectiveSchedule schedule{
      .kind = CollectiveKind::kAllReduce, .ranks = ranks, .chunks = 2 * pieces, .transfers = {}};
  StepAllocator steps(ranks);
  for (std::uint32_t piece = 0; piece < pieces; ++piece)
    for (std::uint32_t tree : {0u, 1u})
      add_chunk(schedule, steps, trees[tree], tree * pieces + piece);
  std::stable_sort(schedule.transfers.begin(), schedule.transfers.end(),
                   [](const Transfer& a, const Transfer& b) { return a.step < b.step; });
  return schedule;
}

}  // namespace stepcast
