// What flows load on which links: counted, added up, scaled.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

/// How many unit flows use a link at the same time.
struct LinkWeight {
  LinkId link = 0;
  std::uint32_t weight = 0;
  bool operator==(const LinkWeight&) const = default;
};

/// Links by ascending id, each once.
using LinkWeights = std::vector<LinkWeight>;

/// Whether a link joins nodes (NICs, switches between them) or is inside one.
bool is_inter_node(LinkKind kind);

/// Counts uses of links.
class LinkCounter {
 public:
  explicit LinkCounter(const Fabric& fabric) : fabric_(fabric) {}
  /// The way from one GPU to another is used by `times` flows. Returns the latency of its links.
  Seconds add_route(std::uint32_t from, std::uint32_t to, std::uint32_t times = 1);
  /// The links of a path are used by `times` flows.
  void add_path(std::span<const LinkId> path, std::uint32_t times);
  /// What was counted since the last time.
  LinkWeights take();

 private:
  LinkWeights sorted();
  LinkWeights counted() const;

  const Fabric& fabric_;
  std::vector<LinkId> path_;
  LinkWeights uses_;
};

/// Least capacity per unit of weight among the links inside nodes, or among those between nodes;
/// infinite where there are none.
double least_share(const Fabric& fabric, const LinkWeights& weights, bool inter_node);

/// Weights times `intra` inside nodes and `inter` between them.
LinkWeights scaled(const Fabric& fabric, LinkWeights weights, std::uint32_t intra,
                   std::uint32_t inter);
LinkWeights merged(const LinkWeights& a, const LinkWeights& b);
/// Loads summed over `rounds` rounds -> the load of one, rounded up.
LinkWeights averaged(LinkWeights weights, std::size_t rounds);

}  // namespace stepcast
