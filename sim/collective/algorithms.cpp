#include "sim/collective/algorithms.h"

#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

using Kind = CollectiveKind;
using Shape = GroupShape;

constexpr std::uint32_t kPieces = 8;
constexpr std::uint32_t kSwitchRadix = 8;

constexpr CollectiveAlgorithm kAlgorithms[] = {
    {Kind::kAllReduce, "ring", [](const Shape& s) { return ring_all_reduce(s.ranks); },
     "reduce-scatter, then all-gather, on a ring"},
    {Kind::kAllReduce, "tree",
     [](const Shape& s) { return double_tree_all_reduce(s.ranks, kPieces, s.per_node); },
     "two binary trees over nodes; who is a leaf in one is inside the other"},
    {Kind::kAllReduce, "nvls", [](const Shape& s) { return nvls_all_reduce(s.ranks, kPieces); },
     "sums and multicasts in the NVSwitch of a node"},
    {Kind::kAllReduce, "nvls_tree",
     [](const Shape& s) { return nvls_tree_all_reduce(s.ranks, s.per_node, kPieces); },
     "NVSwitches inside nodes, two binary trees between them"},
    {Kind::kAllReduce, "sharp",
     [](const Shape& s) { return sharp_all_reduce(s.ranks, s.per_node, kSwitchRadix, kPieces); },
     "sums in the switches of the fabric (CollNet)"},
    {Kind::kAllReduce, "halving_doubling",
     [](const Shape& s) { return halving_doubling_all_reduce(s.ranks); },
     "halves with the neighbour, quarters twice as far, ..., and back"},
    {Kind::kAllReduce, "hierarchical",
     [](const Shape& s) { return hierarchical_all_reduce(s.ranks, s.per_node); },
     "reduce-scatter in the node, all-reduce between nodes, all-gather in the node"},
    {Kind::kAllReduce, "torus", [](const Shape& s) { return torus_all_reduce(s.torus_dims); },
     "rings along one dimension after the other, both ways"},
    {Kind::kAllGather, "ring", [](const Shape& s) { return ring_all_gather(s.ranks); },
     "every chunk goes once round"},
    {Kind::kAllGather, "nvls", [](const Shape& s) { return nvls_all_gather(s.ranks); },
     "the NVSwitch multicasts"},
    {Kind::kAllGather, "pat", [](const Shape& s) { return pat_all_gather(s.ranks); },
     "a tree for every chunk, messages put together"},
    {Kind::kAllGather, "sharp",
     [](const Shape& s) { return sharp_all_gather(s.ranks, s.per_node, kSwitchRadix); },
     "the switches of the fabric multicast"},
    {Kind::kAllGather, "halving_doubling",
     [](const Shape& s) { return doubling_all_gather(s.ranks); },
     "recursive doubling: everything one has, to a partner"},
    {Kind::kAllGather, "direct", [](const Shape& s) { return direct_all_gather(s.ranks); },
     "everyone to everyone, in one step"},
    {Kind::kReduceScatter, "ring", [](const Shape& s) { return ring_reduce_scatter(s.ranks); },
     "every sum goes once round"},
    {Kind::kReduceScatter, "nvls", [](const Shape& s) { return nvls_reduce_scatter(s.ranks); },
     "the NVSwitch sums"},
    {Kind::kReduceScatter, "pat", [](const Shape& s) { return pat_reduce_scatter(s.ranks); },
     "a tree for every sum, messages put together"},
    {Kind::kReduceScatter, "sharp",
     [](const Shape& s) { return sharp_reduce_scatter(s.ranks, s.per_node, kSwitchRadix); },
     "sums in the switches of the fabric"},
    {Kind::kReduceScatter, "halving_doubling",
     [](const Shape& s) { return halving_reduce_scatter(s.ranks); },
     "recursive halving: the partner's half of what is left"},
    {Kind::kBroadcast, "ring", [](const Shape& s) { return ring_broadcast(s.ranks, kPieces); },
     "pieces follow each other along the ring"},
    {Kind::kBroadcast, "tree",
     [](const Shape& s) { return double_tree_broadcast(s.ranks, kPieces); },
     "two binary trees, half of the pieces down each"},
    {Kind::kBroadcast, "binomial", [](const Shape& s) { return binomial_broadcast(s.ranks); },
     "who has the buffer sends it to one who has not"},
    {Kind::kReduce, "ring", [](const Shape& s) { return ring_reduce(s.ranks, kPieces); },
     "sums of pieces follow each other along the ring"},
    {Kind::kReduce, "tree", [](const Shape& s) { return double_tree_reduce(s.ranks, kPieces); },
     "two binary trees, half of the pieces up each"},
    {Kind::kReduce, "binomial", [](const Shape& s) { return binomial_reduce(s.ranks); },
     "half of those left send their sum to the other half"},
    {Kind::kAllToAll, "pairwise",
     [](const Shape& s) { return pairwise_all_to_all(s.ranks, s.per_node); },
     "one peer per round, inside the node and outside"},
    {Kind::kAllToAll, "hierarchical",
     [](const Shape& s) { return hierarchical_all_to_all(s.ranks, s.per_node); },
     "to the local owner of the receiver's rail, then between nodes (PXN)"},
    {Kind::kSendRecv, "pairwise", [](const Shape& s) { return neighbour_send_recv(s.ranks); },
     "every rank to the next one"},
};

}  // namespace

GroupShape usual_shape(std::uint32_t ranks) {
  GroupShape shape{.ranks = ranks};
  for (std::uint32_t size = 1; size <= 8; ++size)
    if (ranks % size == 0) shape.per_node = size;
  std::uint32_t side = 1;
  for (std::uint32_t size = 1; size * size <= ranks; ++size)
    if (ranks % size == 0) side = size;
  shape.torus_dims = {side, ranks / side};
  return shape;
}

std::span<const CollectiveAlgorithm> collective_algorithms() { return kAlgorithms; }

const CollectiveAlgorithm& find_algorithm(CollectiveKind kind, std::string_view name) {
  std::string known;
  for (const CollectiveAlgorithm& row : kAlgorithms) {
    if (row.kind != kind) continue;
    if (row.name == name) return row;
    known += " " + std::string(row.name);
  }
  throw Error(ErrorKind::kInput, "unknown algorithm \"" + std::string(name) + "\" for " +
                                     std::string(name_of(kind)) + "; known:" + known);
}

}  // namespace stepcast
