// The routes of a fabric, factored: what every pair of GPUs takes, from what every GPU and every
// pair of switches takes. That is what zones of SimGrid's can express, and it grows with the number
// of GPUs instead of its square.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/topology/fabric.h"

namespace stepcast {

using LinkPath = std::vector<LinkId>;

/// GPUs whose NICs are plugged into one switch.
struct SwitchZone {
  Vertex at;
  std::vector<std::int64_t> gpus;
};

/// From one switch zone to another: all links between their NICs.
struct ZoneRoute {
  std::size_t from = 0, to = 0;
  LinkPath links;
};

/// The switches have no way from `gpu` to the GPUs of a zone: it hands over to `through` of its own
/// node, over these links, and from there on all is as if that one had sent.
struct Detour {
  std::int64_t gpu = 0;
  std::size_t to = 0;
  std::int64_t through = 0;
  LinkPath links;
};

/// GPUs of different nodes take `up` of the one, the links between their zones (none within a
/// zone), and `down` of the other. GPUs of one node take Fabric::route().
struct PlatformZones {
  std::vector<SwitchZone> zones;
  std::vector<std::size_t> zone_of;  ///< by GPU
  std::vector<LinkPath> up, down;    ///< by GPU: between it and the switch of its NIC, never empty
  bool nodes_are_split = false;      ///< some node's GPUs are in different zones
  std::vector<Detour> detours;       ///< only when nodes are split
  /// By zone: `between` is zone_up of the one and zone_down of the other. Empty, unless that holds
  /// for all pairs and three zones.
  std::vector<LinkPath> zone_up, zone_down;
  std::vector<ZoneRoute> between;  ///< where zone_up is empty; without pairs that nothing joins
};

/// Of a fabric of several nodes that does not hash (Fabric::hashes()). Throws Error: kUnsupported
/// where the last node is used in part, and a detour would lead through a GPU that is not.
PlatformZones zones_of(const Fabric& fabric);

}  // namespace stepcast
