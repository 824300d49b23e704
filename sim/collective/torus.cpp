// All-reduce on a torus, dimension by dimension and in both directions, so that all links of a node
// work: one part of the buffer for each dimension to begin with and direction to go in. Each part
// is reduce-scattered along one dimension after the other and gathered on the same way back
// [Sack and Gropp, Collective algorithms for multiported torus networks, TOPC 2015; Ying et al.,
// Image classification at supercomputer scale, 2018, for TPU pods].
#include <algorithm>

#include "sim/base/error.h"
#include "sim/collective/algorithms.h"
#include "sim/collective/compose.h"

namespace stepcast {
namespace {

/// Rank = ((c0 * a1) + c1) * a2 + c2 ...: the last dimension runs fastest.
class Grid {
 public:
  explicit Grid(const std::vector<std::uint32_t>& dims) : dims_(dims) {}
  std::uint32_t coordinate(std::uint32_t rank, std::size_t dim) const {
    return rank / stride(dim) % dims_[dim];
  }
  std::uint32_t neighbour(std::uint32_t rank, std::size_t dim, bool forward) const {
    const std::uint32_t at = coordinate(rank, dim);
    const std::uint32_t next = (at + (forward ? 1 : dims_[dim] - 1)) % dims_[dim];
    return rank - at * stride(dim) + next * stride(dim);
  }

 private:
  std::uint32_t stride(std::size_t dim) const {
    std::uint32_t stride = 1;
    for (std::size_t d = dim + 1; d < dims_.size(); ++d) stride *= dims_[d];
    return stride;
  }
  const std::vector<std::uint32_t>& dims_;
};

struct Part {
  std::size_t first_dim = 0;
  bool forward = true;
  std::uint32_t index = 0;
};

/// Gathers the chunks of one part, chunk `index * ranks + r` from rank r: in the dimension where
/// the reduction ended, then in those before.
CollectiveSchedule gather(const std::vector<std::uint32_t>& dims, std::uint32_t ranks,
                          const Part& part) {
  const Grid grid(dims);
  CollectiveSchedule schedule{.kind = CollectiveKind::kAllGather,
                              .ranks = ranks,
                              .chunks = 2 * static_cast<std::uint32_t>(dims.size()) * ranks,
                              .transfers = {}};
  std::uint32_t step = 0;
  for (std::size_t turn = dims.size(); turn-- > 0;) {
    const std::size_t dim = (part.first_dim + turn) % dims.size();
    for (std::uint32_t round = 0; round + 1 < dims[dim]; ++round, ++step)
      for (std::uint32_t rank = 0; rank < ranks; ++rank)
        for (std::uint32_t owner = 0; owner < ranks; ++owner) {
          // Known by now: owners that differ in dimensions gathered before, and here by `round`.
          bool known = true;
          for (std::size_t t = 0; t < turn && known; ++t) {
            const std::size_t later = (part.first_dim + t) % dims.size();
            known = grid.coordinate(owner, later) == grid.coordinate(rank, later);
          }
          const std::uint32_t at = grid.coordinate(rank, dim), size = dims[dim];
          const std::uint32_t from = (at + (part.forward ? size - round : round)) % size;
          if (known && grid.coordinate(owner, dim) == from)
            schedule.transfers.push_back({.step = step,
                                          .from = rank,
                                          .to = grid.neighbour(rank, dim, part.forward),
                                          .chunk = part.index * ranks + owner,
                                          .lane = part.index});
        }
  }
  return schedule;
}

}  // namespace

/// 2 sum (a_i - 1) steps, 2 S (n-1)/n bytes of every rank, spread over all its links.
CollectiveSchedule torus_all_reduce(const std::vector<std::uint32_t>& dims) {
  STEPCAST_CHECK(!dims.empty(), "a torus has a dimension");
  std::uint32_t ranks = 1;
  for (const std::uint32_t size : dims) ranks *= size;
  CollectiveSchedule schedule{.kind = CollectiveKind::kAllReduce,
                              .ranks = ranks,
                              .chunks = 2 * static_cast<std::uint32_t>(dims.size()) * ranks,
                              .transfers = {}};
  Part part;
  for (part.first_dim = 0; part.first_dim < dims.size(); ++part.first_dim)
    for (const bool forward : {true, false}) {
      part.forward = forward;
      const CollectiveSchedule way_back = gather(dims, ranks, part);
      const CollectiveSchedule both =
          in_sequence(mirrored(way_back), way_back, CollectiveKind::kAllReduce);
      schedule.transfers.insert(schedule.transfers.end(), both.transfers.begin(),
                                both.transfers.end());
      ++part.index;
    }
  std::stable_sort(schedule.transfers.begin(), schedule.transfers.end(),
                   [](const Transfer& a, const Transfer& b) { return a.step < b.step; });
  return schedule;
}

}  // namespace stepcast
