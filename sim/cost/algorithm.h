// The algorithms and wire protocols of a collective library, by name.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "sim/base/enum_set.h"

namespace stepcast {

/// NCCL's wire protocols: LL flags every 8 bytes, LL128 every 128 bytes, Simple every slice.
enum class Protocol : std::uint8_t { kLl, kLl128, kSimple };
inline constexpr std::array kAllProtocols{Protocol::kLl, Protocol::kLl128, Protocol::kSimple};
inline constexpr int kNumProtocols = static_cast<int>(kAllProtocols.size());

/// Named like the rows of collective/algorithms.h, and where NCCL_ALGO has a name, like that.
enum class Algorithm : std::uint8_t {
  kRing,
  kTree,             ///< double binary tree over nodes, chains inside
  kNvls,             ///< reduction inside the NVSwitch of one node
  kNvlsTree,         ///< reduction inside the NVSwitches, trees between nodes
  kSharp,            ///< reduction inside the switches between nodes (NCCL's CollNet)
  kPat,              ///< parallel aggregated trees: logarithmic all_gather and reduce_scatter
  kHalvingDoubling,  ///< recursive halving and doubling
  kHierarchical,     ///< inside nodes first, then between them
  kTorus,            ///< rings along every dimension of a torus, both ways
  kPairwise,         ///< all_to_all, one peer after the other
};
inline constexpr std::array kAllAlgorithms{Algorithm::kRing,
                                           Algorithm::kTree,
                                           Algorithm::kNvls,
                                           Algorithm::kNvlsTree,
                                           Algorithm::kSharp,
                                           Algorithm::kPat,
                                           Algorithm::kHalvingDoubling,
                                           Algorithm::kHierarchical,
                                           Algorithm::kTorus,
                                           Algorithm::kPairwise};
inline constexpr int kNumAlgorithms = static_cast<int>(kAllAlgorithms.size());

using AlgorithmSet = EnumSet<Algorithm>;
using ProtocolSet = EnumSet<Protocol>;

/// What the library chooses from when nothing is prescribed. The others have not been measured
/// widely enough to be held against these, and need switches or shapes of their own.
inline constexpr AlgorithmSet kUsualAlgorithms{Algorithm::kRing, Algorithm::kTree, Algorithm::kNvls,
                                               Algorithm::kNvlsTree, Algorithm::kPairwise};
inline constexpr ProtocolSet kUsualProtocols{Protocol::kLl, Protocol::kLl128, Protocol::kSimple};

constexpr std::string_view name_of(Protocol protocol) {
  switch (protocol) {
    case Protocol::kLl:
      return "LL";
    case Protocol::kLl128:
      return "LL128";
    case Protocol::kSimple:
      return "Simple";
  }
  return "";
}

constexpr std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kRing:
      return "ring";
    case Algorithm::kTree:
      return "tree";
    case Algorithm::kNvls:
      return "nvls";
    case Algorithm::kNvlsTree:
      return "nvls_tree";
    case Algorithm::kSharp:
      return "sharp";
    case Algorithm::kPat:
      return "pat";
    case Algorithm::kHalvingDoubling:
      return "halving_doubling";
    case Algorithm::kHierarchical:
      return "hierarchical";
    case Algorithm::kTorus:
      return "torus";
    case Algorithm::kPairwise:
      return "pairwise";
  }
  return "";
}

}  // namespace stepcast
