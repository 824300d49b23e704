#include "sim/cost/network_profile.h"

#include <gtest/gtest.h>

#include <string>

#include "sim/base/json_writer.h"

namespace stepcast {
namespace {

constexpr const char* kProtocol =
    R"({"base": "7 us", "ring_hop_intra": "2 us", "ring_hop_inter": "6 us",
        "tree_hop_intra": "1 us", "tree_hop_inter": "5 us", "ring_efficiency": 0.5})";

/// A profile with `extra` members ("\"a\": 1,") at its beginning.
std::string profile_text(const std::string& extra) {
  const std::string p = kProtocol;
  return "{" + extra + R"("name": "test", "source": "by hand", "inter_efficiency": 0.9,
    "nvls_latency": "30 us", "nvls_hop_inter": "60 us",
    "all_to_all_base": "9 us", "all_to_all_peer_intra": "6 us", "all_to_all_peer_inter": "1 us",
    "p2p_latency_intra": "8 us", "p2p_latency_inter": "20 us", "p2p_efficiency": 0.8,
    "protocols": {"LL": )" +
         p + R"(, "LL128": )" + p + R"(, "Simple": )" + p + "}}";
}

NetworkProfile read(const std::string& text, Problems& problems) {
  return read_network_profile(parse_json(text, "test.json").root(), problems);
}

NetworkProfile read(const std::string& text) {
  Problems problems;
  NetworkProfile profile = read(text, problems);
  problems.raise_if_any();
  return profile;
}

std::string first_problem(const std::string& text) {
  Problems problems;
  read(text, problems);
  return problems.empty() ? "" : problems.all().front().text();
}

TEST(ReadNetworkProfile, FieldsAreRead) {
  const NetworkProfile profile =
      read(profile_text(R"("intra_efficiency": 0.8, "scale_loss": 0.02,)"));
  EXPECT_EQ(profile.name, "test");
  EXPECT_EQ(profile.intra_efficiency, 0.8);
  EXPECT_EQ(profile.inter_efficiency, 0.9);
  EXPECT_EQ(profile.inter_latency_factor, 1);
  EXPECT_EQ(profile.scale_loss, 0.02);
  EXPECT_EQ(profile.protocols[1].ring_hop_inter, Seconds(6e-6));
  EXPECT_EQ(profile.protocols[2].ring_efficiency, 0.5);
  EXPECT_EQ(profile.p2p_latency_inter, Seconds(20e-6));
  EXPECT_EQ(profile.grade, Grade::kAssumed);
}

TEST(ReadNetworkProfile, IntraEfficiencyMustStandSomewhere) {
  EXPECT_NE(first_problem(profile_text("")).find("intra_efficiency"), std::string::npos);
}

TEST(ReadNetworkProfile, ValuesOutOfRangeAndUnknownKeysAreReported) {
  EXPECT_NE(first_problem(profile_text(R"("intra_efficiency": 3,)")).find("intra_efficiency"),
            std::string::npos);
  EXPECT_NE(
      first_problem(profile_text(R"("intra_efficiency": 0.8, "ring_fil": 0.3,)")).find("ring_fil"),
      std::string::npos);
}

TEST(ForGeneration, PicksTheRowOfTheDevice) {
  const NetworkProfile profile = read(profile_text(
      R"("generations": {"ampere": {"intra_efficiency": 0.75},
                         "hopper": {"intra_efficiency": 0.85, "nvls_efficiency": 0.6}},)"));
  EXPECT_EQ(profile.intra_efficiency, 0);
  EXPECT_EQ(for_generation(profile, "ampere").intra_efficiency, 0.75);
  EXPECT_EQ(for_generation(profile, "ampere").nvls_efficiency, 0);
  EXPECT_EQ(for_generation(profile, "hopper").nvls_efficiency, 0.6);
}

TEST(ForGeneration, LeavesWhatIsGivenOrFilledAlone) {
  NetworkProfile profile = read(profile_text(
      R"("intra_efficiency": 0.7, "generations": {"ampere": {"intra_efficiency": 0.75}},)"));
  EXPECT_EQ(for_generation(profile, "ampere").intra_efficiency, 0.7);
  EXPECT_EQ(for_generation(profile, "unheard of").intra_efficiency, 0.7);
}

TEST(ForGeneration, NamesTheGenerationsItKnows) {
  const NetworkProfile profile =
      read(profile_text(R"("generations": {"ampere": {"intra_efficiency": 0.75}},)"));
  try {
    for_generation(profile, "kepler");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUnsupported);
    EXPECT_NE(std::string(error.what()).find("kepler"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("ampere"), std::string::npos);
  }
}

TEST(NetworkProfile, WhatIsWrittenReadsBackAsItWas) {
  for (const char* name : {"nccl-ib", "nccl-efa", "nccl-omnipath", "nccl-slingshot"}) {
    const std::string file =
        std::string(STEPCAST_SOURCE_DIR "/topologies/networks/") + name + ".json";
    Problems problems;
    const NetworkProfile shipped =
        for_generation(read_network_profile(read_json_file(file).root(), problems), "ampere");
    JsonWriter once, twice;
    write_network_profile(once, shipped, "a fit");
    const NetworkProfile back = read(once.text());
    write_network_profile(twice, back, "a fit");
    EXPECT_EQ(once.text(), twice.text()) << name;
    EXPECT_EQ(back.intra_efficiency, shipped.intra_efficiency);
    EXPECT_EQ(back.inter_efficiency, shipped.inter_efficiency);
    EXPECT_EQ(back.nvls_min_ranks, shipped.nvls_min_ranks);
  }
}

}  // namespace
}  // namespace stepcast
