#include "sim/engine/exchange_loads.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace stepcast {
namespace {

constexpr std::size_t kMaxShifts = 16;    // of an exchange, sampled evenly among all of them
constexpr std::size_t kManyShifts = 128;  // where flows do not spread evenly
/// How much slower than the links whole weights may make an exchange.
constexpr double kTolerance = 1e-3;

/// Up to `most` of 1 .. n-1, evenly spread.
std::vector<std::size_t> shifts_of(std::size_t n, std::size_t most) {
  std::vector<std::size_t> shifts;
  if (n < 2) return shifts;
  const std::size_t count = std::min(n - 1, most);
  for (std::size_t i = 0; i < count; ++i) shifts.push_back(1 + i * (n - 1) / count);
  return shifts;
}

/// One exchange, counted message by message.
class Exchange {
 public:
  Exchange(const Fabric& fabric, const std::vector<std::vector<std::uint32_t>>& nodes,
           std::size_t most_shifts)
      : fabric_(fabric), nodes_(nodes) {
    for (const auto& node : nodes) {
      largest_ = std::max(largest_, node.size());
      ranks_ += node.size();
    }
    pxn_ = has_pxn(fabric, nodes.front().front());
    local_ = shifts_of(largest_, most_shifts);
    remote_ = shifts_of(nodes.size(), most_shifts);
    count_local();
    count_remote();
  }

  Seconds latency() const { return latency_; }
  /// Peers that one unit flow serves, all of them together.
  double in_turn() const {
    return static_cast<double>(nodes_.size() > 1 ? ranks_ - largest_ : largest_ - 1);
  }
  std::size_t rounds() const { return nodes_.size() > 1 ? remote_.size() : local_.size(); }

  double bandwidth(bool inter_node) const {
    double least = std::numeric_limits<double>::infinity();
    for (const Load& load : loads_) {
      const Link& link = fabric_.links()[load.link];
      if (is_inter_node(link.kind) == inter_node)
        least = std::min(least, in_turn() * link.capacity.value() / load.messages);
    }
    return least;
  }

  LinkWeights weights(std::size_t flows) const {
    LinkWeights weights;
    for (const Load& load : loads_)
      weights.push_back(
          {load.link, rounded_up(load.messages * static_cast<double>(flows) / in_turn())});
    return weights;
  }

 private:
  struct Load {
    LinkId link = 0;
    double messages = 0;  ///< that pass it in the whole exchange
  };

  static std::uint32_t rounded_up(double weight) {
    return std::max(1u, static_cast<std::uint32_t>(std::ceil(weight * (1 - 1e-9))));
  }

  /// Messages inside nodes, and with PXN the first hop of those that leave: as many to every local
  /// rank as there are nodes.
  void count_local() {
    LinkCounter counter(fabric_);
    for (const std::size_t shift : local_)
      for (const auto& members : nodes_)
        for (std::size_t i = 0; i < members.size(); ++i)
          if (shift < members.size())
            latency_ = std::max(
                latency_, counter.add_route(members[i], members[(i + shift) % members.size()]));
    add(counter, static_cast<double>(pxn_ ? nodes_.size() : 1) * static_cast<double>(largest_ - 1) /
                     static_cast<double>(std::max<std::size_t>(1, local_.size())));
  }

  /// From rail to rail, for every rank of the sender's node; without PXN from every rank to every
  /// one.
  void count_remote() {
    LinkCounter counter(fabric_);
    const std::size_t count = nodes_.size();
    for (const std::size_t shift : remote_)
      for (std::size_t node = 0; node < count; ++node) {
        const std::vector<std::uint32_t>& own = nodes_[node];
        const std::vector<std::uint32_t>& peers = nodes_[(node + shift) % count];
        const std::size_t ways = pxn_ ? 1 : own.size();
        for (std::size_t i = 0; i < peers.size(); ++i)
          for (std::size_t way = 0; way < ways; ++way)
            latency_ = std::max(latency_,
                                counter.add_route(own[(i + way) % own.size()], peers[i],
                                                  static_cast<std::uint32_t>(own.size() / ways)));
      }
    add(counter, static_cast<double>(count - 1) /
                     static_cast<double>(std::max<std::size_t>(1, remote_.size())));
  }

  void add(LinkCounter& counter, double times) {
    std::vector<Load> sum;
    auto at = loads_.begin();
    for (const LinkWeight& use : counter.take()) {
      while (at != loads_.end() && at->link < use.link) sum.push_back(*at++);
      const bool here = at != loads_.end() && at->link == use.link;
      sum.push_back({use.link, times * use.weight + (here ? (at++)->messages : 0.0)});
    }
    sum.insert(sum.end(), at, loads_.end());
    loads_ = std::move(sum);
  }

  const Fabric& fabric_;
  const std::vector<std::vector<std::uint32_t>>& nodes_;
  bool pxn_ = true;
  std::size_t largest_ = 0, ranks_ = 0;
  std::vector<std::size_t> local_, remote_;
  std::vector<Load> loads_;  // by ascending link
  Seconds latency_{};
};

/// Of `flows` unit flows, as their whole weights allow it.
double bandwidth_of(const Fabric& fabric, const LinkWeights& weights, std::size_t flows) {
  return static_cast<double>(flows) *
         std::min(least_share(fabric, weights, false), least_share(fabric, weights, true));
}

}  // namespace

bool has_pxn(const Fabric& fabric, std::uint32_t gpu) {
  return fabric.node(fabric.node_of(gpu)).intra != IntraNode::kPcie;
}

ExchangeLoads find_exchange_loads(const Fabric& fabric,
                                  const std::vector<std::vector<std::uint32_t>>& nodes,
                                  bool direct) {
  const bool one_by_one = !direct && (nodes.size() == 1 || fabric.spreads_evenly());
  const auto loads_with = [&](const Exchange& exchange, std::size_t flows) {
    return ExchangeLoads{.links = exchange.weights(flows),
                         .peers_at_once = static_cast<int>(flows),
                         .intra_bandwidth = exchange.bandwidth(false),
                         .inter_bandwidth = exchange.bandwidth(true),
                         .latency = exchange.latency()};
  };
  if (one_by_one) {
    const Exchange sampled(fabric, nodes, kMaxShifts);
    ExchangeLoads loads = loads_with(sampled, 1);
    const double exact = std::min(loads.intra_bandwidth, loads.inter_bandwidth);
    if (bandwidth_of(fabric, loads.links, 1) > exact * (1 - kTolerance)) return loads;
  }
  const Exchange all(fabric, nodes, kManyShifts);
  return loads_with(all, std::max<std::size_t>(1, all.rounds()));
}

}  // namespace stepcast
