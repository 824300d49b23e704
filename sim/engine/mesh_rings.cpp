#include "sim/engine/mesh_rings.h"

#include <algorithm>
#include <numeric>

#include "sim/base/error.h"

namespace stepcast {
namespace {

using Links = std::vector<std::vector<int>>;
using Ring = std::vector<int>;

/// All rings over direct links, each in one direction only.
std::vector<Ring> hamiltonian_rings(const Links& links) {
  const int n = static_cast<int>(links.size());
  Ring ring(static_cast<std::size_t>(n));
  std::iota(ring.begin(), ring.end(), 0);
  std::vector<Ring> rings;
  do {
    if (ring[1] > ring.back()) continue;  // the mirror image comes, or came, by itself
    bool closed = true;
    for (int i = 0; i < n && closed; ++i) closed = links[ring[i]][ring[(i + 1) % n]] > 0;
    if (closed) rings.push_back(ring);
  } while (std::next_permutation(ring.begin() + 1, ring.end()));
  return rings;
}

/// Depth-first search for the largest multiset of rings that fits into the links.
class Packing {
 public:
  Packing(Links links, const std::vector<Ring>& rings) : left_(std::move(links)), rings_(rings) {
    int degree = 1 << 20;
    for (const auto& row : left_)
      degree = std::min(degree, std::accumulate(row.begin(), row.end(), 0));
    most_possible_ = static_cast<std::size_t>(degree / 2);
    search(0);
  }
  const std::vector<std::size_t>& best() const { return best_; }

 private:
  static constexpr int kMaxSteps = 200'000;

  void search(std::size_t first) {
    if (chosen_.size() > best_.size()) best_ = chosen_;
    for (std::size_t ring = first; ring < rings_.size(); ++ring) {
      if (best_.size() == most_possible_ || ++steps_ > kMaxSteps) return;
      if (!fits(rings_[ring])) continue;
      take(rings_[ring], -1);
      chosen_.push_back(ring);
      search(ring);
      chosen_.pop_back();
      take(rings_[ring], +1);
    }
  }
  bool fits(const Ring& ring) const {
    for (std::size_t i = 0; i < ring.size(); ++i)
      if (left_[ring[i]][ring[(i + 1) % ring.size()]] == 0) return false;
    return true;
  }
  void take(const Ring& ring, int change) {
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const int a = ring[i], b = ring[(i + 1) % ring.size()];
      left_[a][b] += change;
      left_[b][a] += change;
    }
  }

  Links left_;
  const std::vector<Ring>& rings_;
  std::vector<std::size_t> chosen_, best_;
  std::size_t most_possible_ = 0;
  int steps_ = 0;
};

}  // namespace

std::vector<std::vector<int>> disjoint_rings(const std::vector<std::vector<int>>& links) {
  const std::size_t n = links.size();
  STEPCAST_CHECK(n >= 2 && n <= 8, "rings are searched over 2 to 8 GPUs");
  if (n == 2) return std::vector<Ring>(static_cast<std::size_t>(links[0][1]), Ring{0, 1});
  const std::vector<Ring> rings = hamiltonian_rings(links);
  const Packing packing(links, rings);
  std::vector<Ring> walks;
  for (std::size_t index : packing.best()) {
    walks.push_back(rings[index]);
    walks.push_back(rings[index]);
    std::reverse(walks.back().begin() + 1, walks.back().end());
  }
  return walks;
}

}  // namespace stepcast
