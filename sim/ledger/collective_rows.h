// Tables of nccl-tests sweeps: one line -> machine, GPUs and operation. Machines are described in a
// table of their own, collective_systems.csv beside the ledger; a topology is made of its columns
// by these rules:
//
//   generation          NVLink rate per GPU and direction: V100 150, A100 300, H100 450, B200 900
//                       GB/s (datasheets); it also names the profile's row of efficiencies
//   nvlink_domain_gpus  GPUs of a node; a rack of one NVLink domain is one node
//   topology            nvswitch, nvl72: every GPU into a switch; mesh4: links between all pairs;
//                       cube8: the hybrid cube mesh of a DGX-1
//   net_gbps_per_gpu    a GPU's share of its node's NICs
//   network             its text names the profile: EFA, Slingshot, TCPX, RoCE, Omni-Path, TCP,
//                       else InfiniBand; "4xHDR200/node" in it: 4 NICs a node where that divides
//                       the GPUs, else one for each GPU
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/engine/collective_bench.h"
#include "sim/ledger/csv.h"

namespace stepcast {

/// A machine of collective_systems.csv.
struct CollectiveSystem {
  std::string name;
  std::string network_profile;     ///< name of a shipped profile
  std::int64_t gpus_per_host = 8;  ///< as the table counts nodes: a tray of an NVL72 rack is one
  Topology topology;               ///< one node so far
  std::string skipped;             ///< why no topology can be made of it; empty: it was
};

/// By name. Throws Error(kInput) for numbers that can't be.
std::map<std::string, CollectiveSystem> read_collective_systems(const CsvTable& table);

/// Throws Error(kInput) when the table lacks `system` or a column without which no line says what
/// was timed: a table of something else.
void require_collective_columns(const CsvTable& table, std::optional<std::string_view> system);

/// What one line of a sweep ran.
struct TimedCollective {
  BenchOp op{};
  std::int64_t size = 0;
  std::int64_t ranks = 0;
  std::int64_t nodes = 0;     ///< NVLink domains
  std::int64_t per_node = 0;  ///< ranks in each
  double time_us = 0;
  BytesPerSec nic_bandwidth;  ///< of one NIC of the system's topology
  BenchSettings settings;     ///< as the notes say: "Ring forced", "one process 8 GPUs"
  std::string skipped;        ///< why it can't be predicted; empty: it can
};

TimedCollective read_collective_row(const CsvCells& cells, const CollectiveSystem& system);

/// "one process 8 GPUs (-g 8)", "torch bench (all_reduce_bench.py)": as the notes say.
BenchLaunch launch_of(const std::string& notes);

/// The classes by which errors are reported: latency-bound, in between, bandwidth-bound.
std::string_view size_class(std::int64_t bytes);

}  // namespace stepcast
