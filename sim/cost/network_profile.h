// How a collective library behaves on a network: latencies and efficiencies of NCCL's algorithms
// and protocols (topologies/networks/*.json; topologies/networks/README.md documents fields and
// sources). The engine's collective_flows.h turns them into time; `stepcast fit` finds single
// fields, under the names they have here, from measured steps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/base/quantity.h"
#include "sim/cost/collective_choices.h"
#include "sim/cost/measured_transfers.h"

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

/// What depends on the GPUs and their own interconnect, by Device::generation: figures of some
/// fields of the profile, by their names (network_fields.h says which may stand here).
struct InterconnectGeneration {
  std::string generation;                              ///< "ampere"
  std::vector<std::pair<std::string, double>> values;  ///< seconds, bytes per second
};

/// Measured over predicted times of one sweep (op, ranks, nodes), at ascending sizes; between them
/// the factor is linear in the logarithm of the size. Only a calibrated profile has some.
struct CollectiveCorrection {
  std::string op;  ///< as nccl-tests calls it: "all_reduce", "sendrecv"
  std::int64_t ranks = 0, nodes = 0;
  std::vector<std::int64_t> sizes;  ///< bytes
  std::vector<double> factors;
};

/// What a calibrated profile was fitted to. Beyond it, figures are graded `transferred`.
struct CollectiveDomain {
  std::vector<std::string> ops;
  std::int64_t min_size = 0, max_size = 0;  ///< bytes
  std::int64_t max_ranks = 0, max_nodes = 0;
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
  Seconds nic_latency{0};           ///< of the network's software, added to every hop between nodes
  /// Added to every hop between nodes for a message of rendezvous_size or more; a smaller one pays
  /// the square root of its share. LL128 and Simple always pay it in full.
  Seconds rendezvous_latency{0};
  Bytes rendezvous_size{0};
  /// What a channel of a ring between nodes moves at a step in Simple, at most: 4 of the 8 slots of
  /// NCCL's buffer. 0: a rank's whole share, so that rings go round once.
  Bytes ring_chunk{0};
  /// Least time of a step inside a node, of a ring that leaves it: NCCL's proxies launch every step
  /// (tuning.cc: net overhead, three times that in Simple).
  Seconds net_overhead{0};
  /// Least time of any step of a ring that leaves the node, beside training: its steps go at the
  /// pace of the host.
  Seconds ring_step_overhead{0};
  double scale_loss = 0;  ///< of inter_efficiency, per doubling of nodes beyond two
  /// 0: the slowest part alone sets a transfer's rate; 1: parts of rates a and b in a row reach
  /// (a^-4 + b^-4)^(-1/4), as pipelines do whose parts are about equally fast.
  double coupling = 0;

  std::array<ProtocolCosts, kNumProtocols> protocols;  ///< by Protocol
  double low_latency_factor = 1;                       ///< on the efficiencies of LL and LL128
  BytesPerSec ll_limit_two_nodes;  ///< most ring bandwidth LL reaches between nodes; 0: no limit
  BytesPerSec ll_limit_many_nodes;
  BytesPerSec
      ll_channel_rate;       ///< of one channel in LL, which small messages are left with; 0: any
  double ll_tree_share = 1;  ///< of a hop's bytes at that rate that the next hop waits for
  double ring_fill = 0;      ///< step_fill of a ring in Simple (engine/collective_timing.h)
  double ring_ll_fill = 0;   ///< in LL and LL128
  double tree_fill = 0;      ///< kappa in Simple, by algorithm
  double tree_ll_fill = 0;   ///< in LL and LL128
  double nvls_fill = 0;
  double all_to_all_fill = 0;
  double tree_efficiency_one_node = 1;   ///< of intra_efficiency, in a tree
  double tree_efficiency_two_nodes = 1;  ///< of inter_efficiency
  double tree_efficiency_many_nodes = 1;
  BytesPerSec tree_channel_rate_two_nodes;  ///< of one channel (one for every NIC); 0: no limit
  BytesPerSec tree_channel_rate_many_nodes;

  double nvls_efficiency = 0;       ///< of NVLink, algorithm bandwidth; 0: not available
  std::int64_t nvls_min_ranks = 6;  ///< fewer ranks in a node use rings
  Seconds nvls_latency;
  Seconds nvls_hop_inter;            ///< each level of the tree between nodes
  double nvls_inter_efficiency = 1;  ///< of inter_efficiency, in a tree between NVSwitches

  /// Reduction in the fabric's switches: algorithm bandwidth of the NICs' sum in all_reduce (0: the
  /// network has no such switches, or nobody has measured them), and in all_gather and
  /// reduce_scatter.
  double sharp_efficiency = 0;
  double sharp_gather_efficiency = 0;
  Seconds sharp_latency;

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
  /// Host time of each send and each receive that such a process calls, of which all_to_all is
  /// made.
  Seconds p2p_call{0};
  Seconds python_floor{0};  ///< and when PyTorch calls and times each one

  std::vector<CollectiveCorrection> corrections;
  std::optional<CollectiveDomain> domain;  ///< of a calibrated profile

  /// What was timed between ranks of one node counts instead of the formulas.
  MeasuredTransfers points;

  std::vector<InterconnectGeneration> generations;  ///< as in the file; see for_generation()

  std::string generation{};     ///< that it was made for_generation(); not in the file
  CollectiveChoices choices{};  ///< what a scenario prescribes; not in the file
};

/// Reads a profile. What stands in its table `generations` stays unset until for_generation().
NetworkProfile read_network_profile(JsonValue value, Problems& problems);

/// Writes a profile as read_network_profile() reads it; `source` says where its figures come from.
/// One filled by for_generation() is written without the table, and holds for that generation
/// alone.
void write_network_profile(JsonWriter& json, const NetworkProfile& profile,
                           const std::string& source);

/// The profile for GPUs of one generation: fills what is still 0 from `generations`. A profile that
/// is filled already comes back unchanged, so calling it twice does no harm. Throws
/// Error(kUnsupported) when the file does not know the generation.
NetworkProfile for_generation(NetworkProfile profile, std::string_view generation);

/// A network without latency, overhead or loss: what textbook formulas speak of.
NetworkProfile ideal_network_profile();

}  // namespace stepcast
