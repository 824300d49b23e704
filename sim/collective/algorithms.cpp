#include "sim/collective/algorithms.h"

#include <string>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr std::uint32_t kPipelineChunks = 8;

constexpr CollectiveAlgorithm kAlgorithms[] = {
    {CollectiveKind::kAllReduce, "ring", ring_all_reduce,
     "reduce-scatter, then all-gather, on a ring"},
    {CollectiveKind::kAllReduce, "double_tree",
     [](std::uint32_t ranks) { return double_tree_all_reduce(ranks, kPipelineChunks); },
     "two binary trees; who is a leaf in one is inside the other"},
    {CollectiveKind::kAllGather, "ring", ring_all_gather, "every chunk goes once round"},
    {CollectiveKind::kReduceScatter, "ring", ring_reduce_scatter, "every sum goes once round"},
    {CollectiveKind::kBroadcast, "ring",
     [](std::uint32_t ranks) { return ring_broadcast(ranks, kPipelineChunks); },
     "pieces follow each other along the ring"},
    {CollectiveKind::kReduce, "ring",
     [](std::uint32_t ranks) { return ring_reduce(ranks, kPipelineChunks); },
     "sums of pieces follow each other along the ring"},
    {CollectiveKind::kAllToAll, "pairwise", pairwise_all_to_all, "one peer per round"},
};

}  // namespace

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
