// Lines of collectives.csv and collective_systems.csv -> machines and operations, and their
// answers.
#include "sim/ledger/collective_rows.h"

#include <gtest/gtest.h>

#include "sim/ledger/collective_validation.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

constexpr const char* kSystems =
    "system,gpu,gpus_per_node,nvlink_domain_gpus,net_gbps_per_gpu,network,generation,topology\n"
    "hgx,H100,8,8,400,IB NDR 8x400/node,H100,nvswitch\n"
    "rack,GB200 NVL72,4,72,400,IB NDR,B200,nvl72\n"
    "quad,A100,4,4,100,Slingshot 2x200/node (OFI plugin),A100,mesh4\n"
    "cube,V100,8,8,25,RoCE 2x100/node,V100,cube8\n"
    "odd,Q,8,8,25,IB,Q9,nvswitch\n";

std::map<std::string, CollectiveSystem> systems() {
  return read_collective_systems(parse_csv(kSystems, "collective_systems.csv"));
}

TimedCollective read(const std::string& system, const std::string& cells) {
  const CsvTable table =
      parse_csv("nodes,n_gpus,net_gbps_per_gpu,collective,size_bytes,time_us,notes\n" + cells, "c");
  return read_collective_row(CsvCells(table, table.records.at(0)), systems().at(system));
}

TEST(CollectiveSystems, ColumnsMakeTopologies) {
  const auto all = systems();
  const Topology& hgx = all.at("hgx").topology;
  EXPECT_EQ(hgx.node.intra_bandwidth, BytesPerSec(450e9));
  EXPECT_EQ(hgx.node.nic_bandwidth, BytesPerSec(50e9));
  EXPECT_EQ(hgx.device.generation, "hopper");
  EXPECT_EQ(all.at("hgx").network_profile, "nccl-ib");
  EXPECT_EQ(all.at("quad").network_profile, "nccl-slingshot");
  EXPECT_EQ(all.at("cube").network_profile, "nccl-roce");
  EXPECT_EQ(all.at("cube").topology.node.mesh.size(), 16u);
  // 12 NVLinks of an A100 go to 3 peers: 4 between every two.
  ASSERT_EQ(all.at("quad").topology.node.mesh.size(), 6u);
  EXPECT_EQ(all.at("quad").topology.node.mesh[0].count, 4);
  EXPECT_NE(all.at("odd").skipped.find("Q9"), std::string::npos);
}

TEST(CollectiveSystems, GpusShareTheNicsThatTheTextCounts) {
  // "2x200/node" for four GPUs of 100 Gb/s each: two NICs of 25 GB/s. Eight GPUs at 25 Gb/s behind
  // "2x100/node": two of 12.5 GB/s. A row may say another rate than its system.
  const auto all = systems();
  EXPECT_EQ(all.at("hgx").topology.node.nics, 8);
  EXPECT_EQ(all.at("rack").topology.node.nics, 72);
  EXPECT_EQ(all.at("quad").topology.node.nics, 2);
  EXPECT_EQ(all.at("quad").topology.node.nic_bandwidth, BytesPerSec(25e9));
  EXPECT_EQ(all.at("cube").topology.node.nics, 2);
  EXPECT_EQ(all.at("cube").topology.node.nic_bandwidth, BytesPerSec(12.5e9));
  EXPECT_EQ(read("quad", "2,8,,all_reduce,1024,10,\n").nic_bandwidth, BytesPerSec(25e9));
  EXPECT_EQ(read("quad", "2,8,50,all_reduce,1024,10,\n").nic_bandwidth, BytesPerSec(12.5e9));
}

TEST(CollectiveSystems, ATextThatCountsNoNicsLeavesOneForEachGpu) {
  for (const char* network : {"IB 16x200/node", "IB 3x200/node", "IB", "x/node", "4x/node", "4xHDR",
                              "EFAv2 3200/node", "1234x5/node"}) {
    const std::string table =
        "system,gpu,gpus_per_node,nvlink_domain_gpus,net_gbps_per_gpu,network,generation,topology\n"
        "a,H100,8,8,400," +
        std::string(network) + ",H100,nvswitch\n";
    EXPECT_EQ(read_collective_systems(parse_csv(table, "c")).at("a").topology.node.nics, 8)
        << network;
  }
}

TEST(CollectiveRows, ARackOfOneNvlinkDomainIsOneNode) {
  const TimedCollective two_racks = read("rack", "36,144,400,all_reduce,1024,10,\n");
  EXPECT_EQ(two_racks.skipped, "");
  EXPECT_EQ(two_racks.nodes, 2);
  EXPECT_EQ(two_racks.per_node, 72);
  const TimedCollective tray = read("rack", "2,8,400,all_reduce,1024,10,\n");
  EXPECT_EQ(tray.nodes, 1);
  EXPECT_EQ(tray.per_node, 8);
}

TEST(CollectiveRows, NotesSayWhatWasForced) {
  EXPECT_EQ(read("hgx", "2,16,400,all_reduce,1024,10,\"peak table, Ring forced\"\n")
                .settings.choice.algorithms,
            AlgorithmSet{Algorithm::kRing});
  EXPECT_EQ(read("hgx", "2,16,400,all_reduce,1024,10,\"peak, NVLSTree forced\"\n")
                .settings.choice.algorithms,
            AlgorithmSet{Algorithm::kNvlsTree});
  EXPECT_EQ(read("hgx", "1,8,400,all_reduce,1024,10,\"peak, NVLS forced\"\n").skipped, "");
  EXPECT_EQ(
      read("hgx", "2,16,400,all_reduce,1024,10,\"peak, NVLS forced\"\n").settings.choice.algorithms,
      AlgorithmSet{Algorithm::kNvlsTree});
  EXPECT_EQ(read("hgx", "2,16,400,all_reduce,1024,10,\"peak, CollNet SHARP forced\"\n")
                .settings.choice.algorithms,
            AlgorithmSet{Algorithm::kSharp});
  EXPECT_TRUE(
      read("hgx", "1,8,400,all_reduce,1024,10,one process 8 GPUs (-g 8)\n").settings.launch ==
      BenchLaunch::kSingleProcess);
}

TEST(CollectiveRows, WhatCannotBeIsSkippedWithItsReason) {
  EXPECT_NE(read("hgx", "1,16,400,all_reduce,1024,10,\n").skipped, "");
  EXPECT_NE(read("hgx", "1,8,400,gather,1024,10,\n").skipped.find("gather"), std::string::npos);
  EXPECT_NE(read("hgx", "1,8,400,all_reduce,1024,,\n").skipped, "");
}

TEST(CollectiveRows, SizesFallIntoThreeClasses) {
  EXPECT_EQ(size_class(8191), "below 8 KiB");
  EXPECT_EQ(size_class(8192), "8 KiB to 1 MiB");
  EXPECT_EQ(size_class(1 << 20), "1 MiB and more");
}

TEST(CollectiveValidation, SystemsStandBesideTheLedger) {
  ScratchFolder folder;
  folder.write("collective_systems.csv", kSystems);
  const std::string header =
      "id,system,nodes,n_gpus,net_gbps_per_gpu,collective,size_bytes,time_us,quality,notes\n";
  const CsvTable table = read_csv_file(
      folder.write("c.csv", header + "a,hgx,1,8,400,all_reduce,1073741824,4022,ok,\n"
                                     "b,moon,1,8,400,all_reduce,1073741824,4022,ok,\n"));
  const std::vector<RowAnswer> answers = answer_collectives(table, find_library());
  ASSERT_EQ(answers.size(), 2u);
  // NVIDIA HGX H100: 480 GB/s bus bandwidth are published widely; the profile is within a tenth.
  EXPECT_EQ(answers[0].skipped, "");
  EXPECT_LT(std::abs(*answers[0].error()), 0.1);
  EXPECT_EQ(answers[0].label("size"), "1 MiB and more");
  EXPECT_NE(answers[1].skipped.find("moon"), std::string::npos);
}

}  // namespace
}  // namespace stepcast
