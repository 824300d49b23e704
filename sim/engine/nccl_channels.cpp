#include "sim/engine/nccl_channels.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <span>

namespace stepcast {
namespace {

constexpr int kMostChannels = 32;  // of collectives, unless NCCL_MAX_NCHANNELS says more
constexpr int kMostRings = kMostChannels / 2;
constexpr int kPeersPerBatch = 8;  // NCCL_MAX_DEV_WORK_P2P_PER_BATCH

/// What NCCL knows of a generation (src/graph/topo.h and search.cc; GB/s).
struct Generation {
  std::string_view name;
  int compute_capability;
  double nvlink_share;  ///< NVLink in NCCL's model / its datasheet rate: 20 of 25 GB/s, ...
  std::span<const double> node_speeds, net_speeds;
};

constexpr std::array kNodeSpeeds{40., 30., 20., 18., 15., 12., 10., 9., 7., 6., 5., 4., 3.};
constexpr std::array kNetSpeeds{48., 30., 28., 24., 20., 18., 15., 12., 10.,
                                9.,  7.,  6.,  5.,  4.,  3.,  2.4, 1.2, 0.24};
constexpr std::array kHopperNodeSpeeds{60., 50., 40., 30., 24., 20., 15., 12., 11., 6., 3.};
constexpr std::array kHopperNetSpeeds{48.,  45., 42., 40., 30., 24., 22., 20.,
                                      17.5, 15., 12., 6.,  3.,  2.4, 1.2, 0.24};
constexpr std::array kBlackwellNodeSpeeds{90., 80., 70., 60., 50., 40., 30., 24., 20., 19., 18.};
constexpr std::array kBlackwellNetSpeeds{96.,  48., 45.1, 42., 40., 30., 24., 22., 20.,
                                         17.5, 15., 12.,  6.,  3.,  2.4, 1.2, 0.24};

const std::array kGenerations{
    Generation{"volta", 70, 20. / 25, kNodeSpeeds, kNetSpeeds},
    Generation{"ampere", 80, 20. / 25, kNodeSpeeds, kNetSpeeds},
    Generation{"ada", 89, 20. / 25, kNodeSpeeds, kNetSpeeds},
    Generation{"hopper", 90, 20.6 / 25, kHopperNodeSpeeds, kHopperNetSpeeds},
    Generation{"blackwell", 100, 40.1 / 50, kBlackwellNodeSpeeds, kBlackwellNetSpeeds},
};

/// Equal rings.
struct Rings {
  int count = 1;
  double speed = 0;  ///< GB/s
};

/// The rings that share `parts` times `rate` out: of all speeds the first one with which most is
/// used. No ring is spread over two parts.
Rings most_bandwidth(std::span<const double> speeds, int parts, double rate) {
  Rings best;
  for (const double speed : speeds) {
    const int count = std::min(kMostRings, parts * static_cast<int>(rate / speed));
    if (count * speed > best.count * best.speed) best = {.count = count, .speed = speed};
  }
  return best;
}

/// The node's NVLink (one part behind a switch; a direct one for each of its disjoint rings), or
/// its NICs.
Rings rings_of(const GroupGeometry& group, const Generation& generation) {
  if (group.num_nodes() > 1) {
    const int nics = group.num_rails();
    return most_bandwidth(generation.net_speeds, nics, group.inter_bandwidth() / nics / 1e9);
  }
  const int parts = group.has_switch() ? 1 : group.num_channels();
  const double rate = generation.nvlink_share * group.intra_bandwidth() / parts / 1e9;
  return most_bandwidth(generation.node_speeds, parts, rate);
}

/// ncclTopoDupChannels.
bool are_doubled(const Rings& rings, const Generation& generation) {
  if (rings.speed < 25) return false;
  return generation.compute_capability <= 80 || rings.speed >= 50 || rings.count <= 4;
}

int power_of_two_up(int count) {
  return static_cast<int>(std::bit_ceil(static_cast<unsigned>(std::max(1, count))));
}

/// Channels that an NVLS of this generation takes (src/transport/nvls.cc).
int in_switch_channels(const GroupGeometry& group, const Generation& generation) {
  if (generation.compute_capability < 90) return 0;
  if (generation.compute_capability < 100) return 16;
  return group.num_nodes() > 1 ? 32 : 24;
}

/// One for every 14 GB/s of a NIC (src/graph/paths.cc, NCCL_P2P_PER_CHANNEL_NET_BW).
int wanted_per_far_peer(const GroupGeometry& group) {
  if (group.num_nodes() == 1) return 0;
  const double nic = group.inter_bandwidth() / group.num_rails() / 1e9;
  return power_of_two_up(static_cast<int>(std::ceil(nic / 14)));
}

/// Halved until the peers of all batches have theirs (ncclTopoComputeP2pChannels).
int given_per_far_peer(const GroupGeometry& group, int wanted, int messages) {
  const int batches = (group.num_ranks() + kPeersPerBatch - 1) / kPeersPerBatch;
  while (wanted > 1 && wanted * batches > messages) wanted /= 2;
  return wanted;
}

/// Threads of a block, and the bytes that each should have at the least for one channel more
/// (src/enqueue.cc, NCCL_*_THREAD_THRESHOLD).
double least_bytes_per_channel(Algorithm algorithm, Protocol protocol, int ranks) {
  if (protocol == Protocol::kSimple) return 512 * 64;
  if (protocol == Protocol::kLl128) return 640 * 8;
  return 512 * 8 * (algorithm == Algorithm::kRing ? ranks : 1);
}

}  // namespace

NcclChannels nccl_channels(const GroupGeometry& group, std::string_view generation) {
  const auto known = std::find_if(kGenerations.begin(), kGenerations.end(),
                                  [&](const Generation& row) { return row.name == generation; });
  if (known == kGenerations.end() || group.num_ranks() < 2) return {};
  Rings rings = rings_of(group, *known);
  if (are_doubled(rings, *known)) rings.count = std::min(2 * rings.count, kMostRings);
  NcclChannels channels{.rings = 2 * rings.count, .in_switch = in_switch_channels(group, *known)};
  channels.messages = power_of_two_up(channels.rings);
  channels.wanted_per_far_peer = wanted_per_far_peer(group);
  channels.per_far_peer =
      given_per_far_peer(group, channels.wanted_per_far_peer, channels.messages);
  // Two for each NVLink to the peer, which is more than all there are behind a switch.
  channels.per_near_peer = group.num_nodes() > 1 ? channels.per_far_peer : channels.messages;
  return channels;
}

int message_channels(const NcclChannels& channels, bool same_node, Bytes size) {
  const std::int64_t part = same_node ? std::int64_t{512} << 10 : std::int64_t{128} << 10;
  const int most = same_node ? channels.per_near_peer : channels.per_far_peer;
  int count = std::min(1, most);
  while (count > 0 && size.value() > part * count && 2 * count <= most) count *= 2;
  return count;
}

int channels_in_use(const NcclChannels& channels, const GroupGeometry& group, Algorithm algorithm,
                    Protocol protocol, Bytes size) {
  if (channels.rings == 0) return 0;
  switch (algorithm) {
    case Algorithm::kNvls:
    case Algorithm::kNvlsTree:
    case Algorithm::kSharp:
      return channels.in_switch;
    case Algorithm::kHalvingDoubling:
    case Algorithm::kHierarchical:
    case Algorithm::kTorus:
      return 0;
    case Algorithm::kPairwise: {
      const Bytes each(size.value() / group.num_ranks());
      const int of_one = message_channels(channels, group.num_nodes() == 1, each);
      return std::min(channels.messages, of_one * (group.num_ranks() - 1));
    }
    case Algorithm::kRing:
    case Algorithm::kTree:
    case Algorithm::kPat:
      break;
  }
  const double each = least_bytes_per_channel(algorithm, protocol, group.num_ranks());
  return static_cast<int>(
      std::clamp(static_cast<double>(size.value()) / each, 1.0, double{1} * channels.rings));
}

}  // namespace stepcast
