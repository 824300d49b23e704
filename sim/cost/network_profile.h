// How a collective library behaves on a network: latencies and efficiencies of NCCL's algorithms
// and protocols (topologies/networks/*.json; topologies/networks/README.md documents fields and
// sources). The engine's collective_flows.h turns them into time; `stepcast fit` finds single
// fields, under the names they have here, from measured steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/base/quantity.h"
#include "sim/cost/collective_choices.h"

namespace stepcast {

class JsonWriter;

/// Latencies and effective bandwidth of one protocol. The efficiencies are regression values: they
/// absorb the dip of mid-size messages, and are not the protocol's share of the wire.
struct ProtocolCosts {
  Seconds base;                ///< of any collective
  Seconds ring_hop_intra;      ///< each step of a ring inside a node
  Seconds ring_hop_inter;      ///< each step of a ring between nodes
  Seconds tree_hop_intra;      ///< each level of the chain inside a node
  Seconds tree_hop_inter;      ///< each level of the tree between nodes
  double ring_efficiency = 1;  ///< of ring bandwidth
  double tree_efficiency = 1;  ///< of tree bandwidth
};

/// What depends on the GPUs' own interconnect, by Device::generation.
struct InterconnectGeneration {
  std::string generation;  ///< "ampere"
  double intra_efficiency = 0;
  double nvls_efficiency = 0;  ///< 0: no in-switch reduction
};

/// All efficiencies are relative to the nominal capacities of the Fabric (datasheet link rates).
struct NetworkProfile {
  std::string name;
  Grade grade = Grade::kAssumed;
  double relative_sigma = 0.25;  ///< of a collective on a machine it was not fitted on

  double intra_efficiency = 0;      ///< ring bandwidth inside a node; 0 until for_generation()
  double inter_efficiency = 1;      ///< ring bandwidth between nodes, of the NICs' sum
  double intra_latency_factor = 1;  ///< on every hop inside a node
  double inter_latency_factor = 1;  ///< on every hop between nodes
  /// Least time of any step of a ring that leaves the node: its steps go at the pace of the NICs'
  /// proxies (NCCL tuning.cc: inter-node rings launch every step with the net overhead).
  Seconds ring_step_overhead{0};
  double scale_loss = 0;  ///< of inter_efficiency, per doubling of nodes beyond two

  std::array<ProtocolCosts, kNumProtocols> protocols;  ///< by Protocol
  BytesPerSec ll_limit_two_nodes;  ///< most ring bandwidth LL reaches between nodes; 0: no limit
  BytesPerSec ll_limit_many_nodes;
  double ring_fill = 0;  ///< kappa of Simple, by algorithm
  double tree_fill = 0;
  double nvls_fill = 0;
  double all_to_all_fill = 0;
  double tree_efficiency_one_node = 1;  ///< of the bandwidth of the trees' busiest link
  double tree_efficiency_two_nodes = 1;
  double tree_efficiency_many_nodes = 1;

  double nvls_efficiency = 0;       ///< of NVLink, algorithm bandwidth; 0: not available
  std::int64_t nvls_min_ranks = 6;  ///< fewer ranks in a node use rings
  Seconds nvls_latency;
  Seconds nvls_hop_inter;            ///< each level of the tree between nodes
  double nvls_inter_efficiency = 1;  ///< of the NICs' sum

  Seconds all_to_all_base;
  Seconds all_to_all_peer_intra;           ///< per peer in the same node
  Seconds all_to_all_peer_inter;           ///< per peer in another node
  double all_to_all_intra_efficiency = 1;  ///< of intra_efficiency
  double all_to_all_inter_efficiency = 1;  ///< of the NICs

  Seconds p2p_latency_intra;
  Seconds p2p_latency_inter;
  double p2p_efficiency = 1;     ///< of the NIC, one message between two nodes
  BytesPerSec p2p_channel_rate;  ///< between nodes, of one channel of a peer; 0: no limit

  Seconds single_process_floor;  ///< least time of a collective when one process drives all GPUs

  std::vector<InterconnectGeneration> generations;  ///< as in the file; see for_generation()

  CollectiveChoices choices{};  ///< what a scenario prescribes; not in the file
};

/// Reads a profile. Its intra_efficiency and nvls_efficiency may stand in the table `generations`
/// instead: then they stay 0 until for_generation() picks them.
NetworkProfile read_network_profile(JsonValue value, Problems& problems);

/// Writes a profile filled by for_generation() as read_network_profile() reads it; `source` says
/// where its figures come from. It holds for that generation of GPUs alone.
void write_network_profile(JsonWriter& json, const NetworkProfile& profile,
                           const std::string& source);

/// The profile for GPUs of one generation: fills what is still 0 from `generations`. A profile that
/// is filled already comes back unchanged, so calling it twice does no harm. Throws
/// Error(kUnsupported) when the file does not know the generation.
NetworkProfile for_generation(NetworkProfile profile, std::string_view generation);

/// A network without latency, overhead or loss: what textbook formulas speak of.
NetworkProfile ideal_network_profile();

}  // namespace stepcast
