// Calibration of one machine, and the fit to many, on timings that a known profile made up: the fit
// must find what was changed in it.
#include "sim/ledger/collective_calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/base/json_document.h"
#include "sim/base/json_writer.h"
#include "sim/ledger/collective_fit.h"
#include "sim/ledger/collective_one_sweep.h"
#include "sim/ledger/collective_parameters.h"
#include "sim/scenario/scenario.h"

namespace stepcast {
namespace {

Topology cluster(std::int64_t nodes) {
  Topology topology;
  topology.name = "lab";
  topology.device.name = "GPU";
  topology.device.generation = "hopper";
  topology.node.gpus = topology.node.nics = 8;
  topology.node.intra_bandwidth = BytesPerSec(450e9);
  topology.node.nic_bandwidth = BytesPerSec(50e9);
  topology.num_nodes = nodes;
  topology.network_profile = "nccl-ib";
  topology.fabric.kind = FabricKind::kSingleSwitch;
  return topology;
}

NetworkProfile shipped() {
  return for_generation(load_network_profile("nccl-ib", find_library()), "hopper");
}

/// Sizes from 8 KiB to 4 GiB, each as long as `profile` says, times `factor`.
NcclTestsRun made_up(const NetworkProfile& profile, const Topology& topology, BenchOp op,
                     std::int64_t hosts, double factor = 1) {
  NcclTestsRun run{.file = "made-up.log",
                   .op = op,
                   .ranks = 8 * hosts,
                   .hosts = hosts,
                   .launch = BenchLaunch::kProcessPerGpu,
                   .points = {}};
  for (int i = 13; i <= 32; ++i)
    run.points.push_back({.line = i, .size = std::int64_t{1} << i, .time_us = 1});
  CollectiveSamples set;
  add_run(run, topology, set);
  for (std::size_t i = 0; i < run.points.size(); ++i)
    run.points[i].time_us = 1e6 * factor * set.samples[i].predicted_s(profile);
  return run;
}

std::vector<const CollectiveSample*> all(const CollectiveSamples& set) {
  std::vector<const CollectiveSample*> samples;
  for (const CollectiveSample& sample : set.samples) samples.push_back(&sample);
  return samples;
}

TEST(Calibrate, FindsANetworkThatIsSlower) {
  // NICs at 85 % of what the shipped profile has them at: found to 6 %, from large all_gathers.
  NetworkProfile truth = shipped();
  truth.inter_efficiency *= 0.85;
  CollectiveSamples set;
  add_run(made_up(truth, cluster(2), BenchOp::kAllGather, 2), cluster(2), set);
  const Calibration calibration = calibrate(all(set), shipped(), "lab-network");
  EXPECT_NEAR(calibration.profile.inter_efficiency / truth.inter_efficiency, 1.0, 0.06);
  EXPECT_EQ(calibration.profile.grade, Grade::kFitted);
  for (const CalibratedSample& sample : calibration.samples)
    EXPECT_NEAR(sample.fitted_s / sample.sample->measured_s(), 1.0, 0.10);
}

TEST(Calibrate, CorrectsWhatTheClosedFormsMissWithinTheSweepAlone) {
  // One size takes half as long again: no closed form has that, the correction has.
  CollectiveSamples set;
  NcclTestsRun run = made_up(shipped(), cluster(2), BenchOp::kAllReduce, 2);
  run.points[10].time_us *= 1.5;  // 8 MiB
  add_run(run, cluster(2), set);
  const Calibration calibration = calibrate(all(set), shipped(), "lab-network");
  for (const CalibratedSample& sample : calibration.samples)
    EXPECT_NEAR(sample.corrected_s / sample.sample->measured_s(), 1.0, 0.02);
  ASSERT_EQ(calibration.profile.corrections.size(), 1u);
  EXPECT_EQ(calibration.profile.corrections[0].op, "all_reduce");
  EXPECT_EQ(calibration.profile.corrections[0].ranks, 16);
}

TEST(Calibrate, GradesByTheDomain) {
  CollectiveSamples set;
  add_run(made_up(shipped(), cluster(2), BenchOp::kAllReduce, 2), cluster(4), set);
  const NetworkProfile profile = calibrate(all(set), shipped(), "lab-network").profile;
  const auto grade = [&](BenchOp op, std::int64_t hosts, std::int64_t size) {
    CollectiveSamples other;
    NcclTestsRun run{.file = "x",
                     .op = op,
                     .ranks = 8 * hosts,
                     .hosts = hosts,
                     .launch = BenchLaunch::kProcessPerGpu,
                     .points = {{.line = 1, .size = size, .time_us = 1}}};
    add_run(run, cluster(4), other);
    return other.samples[0].bench->plan(profile, Bytes(size), {}).grade;
  };
  EXPECT_EQ(grade(BenchOp::kAllReduce, 2, 1 << 20), Grade::kMeasured);
  EXPECT_EQ(grade(BenchOp::kAllReduce, 1, 1 << 20), Grade::kFitted);
  EXPECT_EQ(grade(BenchOp::kAllReduce, 4, 1 << 20), Grade::kTransferred);  // more nodes
  EXPECT_EQ(grade(BenchOp::kAllReduce, 2, 64), Grade::kTransferred);       // smaller
  EXPECT_EQ(grade(BenchOp::kAllGather, 2, 1 << 20), Grade::kTransferred);
}

TEST(Calibrate, WhatIsWrittenReadsBack) {
  CollectiveSamples set;
  add_run(made_up(shipped(), cluster(2), BenchOp::kAllReduce, 2), cluster(2), set);
  const NetworkProfile profile = calibrate(all(set), shipped(), "lab-network").profile;
  JsonWriter once, twice;
  write_network_profile(once, profile, "a log");
  Problems problems;
  const NetworkProfile back =
      read_network_profile(parse_json(once.text(), "lab-network.json").root(), problems);
  problems.raise_if_any();
  write_network_profile(twice, back, "a log");
  EXPECT_EQ(once.text(), twice.text());
  ASSERT_TRUE(back.domain.has_value());
  EXPECT_EQ(back.domain->max_nodes, 2);
  EXPECT_EQ(back.corrections.size(), 1u);
}

TEST(Calibrate, ALogOfAnotherMachineIsRefused) {
  CollectiveSamples set;
  const NcclTestsRun run = made_up(shipped(), cluster(4), BenchOp::kAllReduce, 4);
  EXPECT_THROW(add_run(run, cluster(2), set), Error);
}

TEST(SharedFit, PredictsASystemItHasNotSeenWhenAllAreAlike) {
  // Three systems made up by the prior profile, 10 % slower than it says at every size: left out,
  // each is predicted by the other two, within 5 % in the middle.
  NetworkProfile truth;
  for (const NetworkProfile& profile : shared_profiles())
    if (profile.name == "nccl-ib") truth = for_generation(profile, "hopper");
  CollectiveSamples set;
  for (const char* name : {"a", "b", "c"}) {
    Topology topology = cluster(2);
    topology.name = name;
    for (const BenchOp op : {BenchOp::kAllReduce, BenchOp::kAllGather})
      add_run(made_up(truth, topology, op, 2, 1.1), topology, set);
  }
  const SharedFit fit = fit_shared_profiles(set, true);
  std::vector<double> errors;
  for (const FittedSample& sample : fit.samples) {
    ASSERT_TRUE(sample.left_out_s.has_value());
    errors.push_back(std::abs(*sample.left_out_s / sample.measured_s - 1));
  }
  EXPECT_LT(median(errors), 0.05);
  EXPECT_EQ(fit.profiles.size(), 5u);
}

TEST(OneSweep, EverySystemHasItsGroupsInJsonToo) {
  const std::vector<OneSweepError> errors = {
      {"a", BenchOp::kAllReduce, 16, 2, 1 << 20, true, 0.2, 0.1, 0.1},
      {"b", BenchOp::kAllGather, 8, 1, 1 << 20, true, -0.4, 0.3, 0.1},
      {"b", BenchOp::kAllReduce, 32, 4, 1 << 20, false, 0.6, 0.3, 0.3}};
  const JsonDocument document = parse_json(to_json(errors), "out");
  const auto systems = document.root().member("systems")->elements();
  ASSERT_EQ(systems.size(), 2u);
  EXPECT_EQ(systems[1].member("system")->as_string(), "b");
  EXPECT_EQ(systems[1].member("op")->as_string(), "all_gather");
  EXPECT_EQ(systems[1].member("ranks")->as_integer(), 8);
  const auto groups = systems[1].member("groups")->elements();
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].member("shipped_median_abs")->as_number(), 0.4);
  EXPECT_EQ(groups[1].member("shipped_median_abs")->as_number(), 0.6);
  EXPECT_NE(to_table(errors).find("b: all_gather on 8 ranks, 1 node\n"), std::string::npos);
}

TEST(OneSweep, CanStartFromAFitThatHasNotSeenTheSystem) {
  // Two machines, one a third slower than the shipped profile, one three times as slow. Each starts
  // from what the other taught the priors, and so nearer than the shipped profile is. A system that
  // no fit left out starts from the library.
  CollectiveSamples set;
  for (const auto& [name, factor] : {std::pair("slow", 4. / 3), std::pair("slower", 3.)}) {
    Topology topology = cluster(2);
    topology.name = name;
    add_run(made_up(shipped(), topology, BenchOp::kAllReduce, 2, factor), topology, set);
  }
  const Library library = find_library();
  const SharedFit fit = fit_shared_profiles(set, true);
  ASSERT_EQ(fit.profiles_without.size(), 2u);
  const StartingProfiles start = profiles_without_system(fit, library);
  EXPECT_EQ(start("moon", "nccl-ib").inter_efficiency,
            load_network_profile("nccl-ib", library).inter_efficiency);
  std::vector<double> slow, slower;
  for (const OneSweepError& error : calibrate_on_one_sweep(set, start))
    (error.system == "slow" ? slow : slower).push_back(error.shipped);
  EXPECT_GT(median(slow), -0.2);     // of the shipped profile: -0.25
  EXPECT_GT(median(slower), -0.66);  // -0.667
}

TEST(OneSweep, CorrectionsAreJudgedAtSizesThatTheyHaveNotSeen) {
  // A machine that is a third slower at every size: what neighbouring sizes say holds in between.
  CollectiveSamples set;
  const Topology topology = cluster(4);
  for (const std::int64_t hosts : {2, 4})
    add_run(made_up(shipped(), topology, BenchOp::kAllReduce, hosts, 4. / 3), topology, set);
  for (std::size_t i = 0; i < set.samples.size(); ++i)
    set.samples[i].sweep = i < 20 ? "two nodes" : "four nodes";
  const Library library = find_library();
  const std::vector<OneSweepError> errors = calibrate_on_one_sweep(set, shipped_profiles(library));
  ASSERT_EQ(errors.size(), 40u);
  for (const OneSweepError& error : errors) {
    EXPECT_EQ(error.calibrated_on, error.nodes == 2);
    EXPECT_NEAR(error.shipped, -0.25, 1e-9);
    if (!error.calibrated_on) {
      EXPECT_EQ(error.corrected, error.fitted);
      continue;
    }
    const bool inside = error.size > 16384 && error.size < (std::int64_t{1} << 31);
    if (inside) {
      EXPECT_LT(std::abs(error.corrected), 0.03) << error.size;
    }
  }
}

}  // namespace
}  // namespace stepcast
