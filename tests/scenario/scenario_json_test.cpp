#include <gtest/gtest.h>

#include <algorithm>

#include "sim/scenario/scenario.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

const Library kShipped{STEPCAST_SOURCE_DIR};

constexpr const char* kTinyModel = R"({"name": "tiny", "num_layers": 4, "hidden_size": 256,
    "num_heads": 4, "vocab_size": 1024, "position_embedding": "rotary"})";

/// A sound scenario, its parts to be replaced one by one.
struct Parts {
  std::string model = kTinyModel;
  std::string topology = R"("dgx-a100-80g")";
  std::string stack = R"("megatron-lm")";
  std::string plan = R"({"tp": 2, "pp": 2, "dp": 2})";
  std::string training = R"({"global_batch_size": 8, "seq_len": 128, "precision": "bf16"})";
  std::string more = "";  ///< further keys, each with a comma before it

  std::string text() const {
    return "{\n\"model\": " + model + ",\n\"topology\": " + topology + ",\n\"stack\": " + stack +
           ",\n\"plan\": " + plan + ",\n\"training\": " + training + more + "}";
  }
};

class LoadScenario : public ::testing::Test {
 protected:
  Scenario load(const Parts& parts) const {
    return load_scenario(folder_.write("s.json", parts.text()), kShipped);
  }

  struct Refusal {
    ErrorKind kind{};
    std::vector<std::string> lines;
    std::string text;

    bool says(const std::string& part) const { return text.find(part) != std::string::npos; }
  };

  Refusal refusal(const Parts& parts) const {
    try {
      load(parts);
    } catch (const Error& error) {
      Refusal refusal{.kind = error.kind(), .lines = {}, .text = error.what()};
      for (const Problem& problem : error.problems()) refusal.lines.push_back(problem.text());
      return refusal;
    }
    ADD_FAILURE() << "loaded: " << parts.text();
    return {};
  }

  ScratchFolder folder_;
};

TEST_F(LoadScenario, PartsAreObjectsInPlaceOrShippedNames) {
  const Scenario scenario = load({});
  EXPECT_EQ(scenario.name, "s");
  EXPECT_EQ(scenario.model.name, "tiny");
  EXPECT_EQ(scenario.topology.device.name, "A100-SXM-80GB");
  EXPECT_EQ(scenario.stack.name, "megatron-lm");
  EXPECT_EQ(scenario.device_profile.device, "A100-SXM-80GB");
  EXPECT_GT(scenario.network_profile.intra_efficiency, 0) << "chosen by the device's generation";
  EXPECT_EQ(scenario.num_gpus, 8) << "as many as the plan takes";
}

TEST_F(LoadScenario, PartsAreFilesBesideTheScenario) {
  folder_.write("models/mine.json", kTinyModel);
  EXPECT_EQ(load({.model = R"("models/mine.json")"}).model.name, "tiny");
}

TEST_F(LoadScenario, ATopologyFindsItsDeviceAndProfilesBesideItself) {
  for (const char* file : {"topologies/dgx-a100-80g.json", "topologies/devices/A100-SXM-80GB.json",
                           "topologies/calibrations/a100-80g.json"})
    fs::create_directories((folder_.root() / file).parent_path()),
        fs::copy_file(fs::path(STEPCAST_SOURCE_DIR) / file, folder_.root() / file);
  std::ifstream in(folder_.path("topologies/dgx-a100-80g.json"));
  std::string text(std::istreambuf_iterator<char>(in), {});
  const auto replace = [&](const std::string& from, const std::string& to) {
    ASSERT_NE(text.find(from), std::string::npos);
    text.replace(text.find(from), from.size(), to);
  };
  replace(R"("device": "A100-SXM-80GB")", R"("device": "devices/A100-SXM-80GB.json")");
  replace(R"("device_profile": "a100-80g")", R"("device_profile": "calibrations/a100-80g.json")");
  folder_.write("topologies/mine.json", text);
  const Scenario scenario = load({.topology = R"("topologies/mine.json")"});
  EXPECT_EQ(scenario.topology.device.num_sms, 108);
  EXPECT_EQ(scenario.device_profile.name, "a100-80g");
}

TEST_F(LoadScenario, PricesOfTheScenarioComeBeforeThoseOfTheTopology) {
  const Scenario scenario = load({.more = R"(, "prices": {"price_per_gpu_hour": "3.5 USD/h"})"});
  EXPECT_EQ(scenario.topology.price_per_gpu_hour, DollarsPerHour(3.5));
  EXPECT_GT(scenario.topology.electricity_price, DollarsPerJoule(0)) << "kept";
}

TEST_F(LoadScenario, MistakesOfAllFilesComeInOnePass) {
  folder_.write("model.json", R"({"name": "m", "num_layers": -4, "hidden_sise": 256})");
  const Refusal refused =
      refusal({.model = R"("model.json")",
               .stack = R"("megatron-ml")",
               .plan = R"({"tp": 0, "schedule": "gpip"})",
               .training = R"({"global_batch_size": 8, "seq_len": "long"})",
               .more = R"(, "published": {"step_time": "5 GB", "source": "s"}, "plann": {})"});
  EXPECT_EQ(refused.kind, ErrorKind::kInput);
  for (const char* part :
       {"model.json:1:15: num_layers = -4", "hidden_sise: unknown key",
        "did you mean \"hidden_size\"", "did you mean \"megatron-lm\"", "s.json:5:10: plan.tp = 0",
        "plan.schedule: unknown", "did you mean \"gpipe\"", "training.seq_len",
        "published.step_time", "plann: unknown key"})
    EXPECT_TRUE(refused.says(part)) << part << " in\n" << refused.text;
  for (const std::string& line : refused.lines)
    EXPECT_EQ(line.find('\n'), std::string::npos) << line;
}

TEST_F(LoadScenario, ReferencesThatAreWrongAreReportedWhereTheyStand) {
  const Refusal refused = refusal(
      {.model = R"("./nowhere.json")", .topology = R"("../../elsewhere.json")", .stack = "7"});
  EXPECT_EQ(refused.kind, ErrorKind::kInput);
  EXPECT_TRUE(refused.says("s.json:2:1: model = \"./nowhere.json\": cannot open")) << refused.text;
  EXPECT_TRUE(refused.says("s.json:3:1: topology = ")) << refused.text;
  EXPECT_TRUE(refused.says("s.json:4:1: stack = 7 must be a name, a path, or an object"))
      << refused.text;
  EXPECT_EQ(refused.lines.size(), 3u) << refused.text;
}

TEST_F(LoadScenario, AMalformedFileIsReportedWithTheOthers) {
  folder_.write("model.json", "{\"name\": ");
  const Refusal refused = refusal({.model = R"("model.json")", .plan = R"({"tp": 0})"});
  EXPECT_TRUE(refused.says("model.json:1")) << refused.text;
  EXPECT_TRUE(refused.says("plan.tp = 0")) << refused.text;
}

TEST_F(LoadScenario, AProfileOfAnotherDeviceIsRefused) {
  const Refusal refused = refusal({.more = R"(, "device_profile": "h200")"});
  EXPECT_EQ(refused.lines.size(), 1u) << refused.text;
  EXPECT_TRUE(refused.says("device_profile: profile \"h200\" is for H200-SXM-141GB"))
      << refused.text;
  EXPECT_TRUE(refused.says("A100-SXM-80GB")) << refused.text;
}

TEST_F(LoadScenario, EveryReasonAgainstAPlanComesWithItsLineAndTheNearestPlan) {
  const Refusal refused = refusal({.plan = R"({"tp": 3,
"pp": 3, "dp": 1})"});
  EXPECT_EQ(refused.kind, ErrorKind::kInfeasible);
  EXPECT_TRUE(refused.says("s.json:6:10: plan.tp = 3 must divide num_heads = 4")) << refused.text;
  EXPECT_TRUE(refused.says("s.json:7:1: plan.pp = 3 must divide num_layers = 4")) << refused.text;
  EXPECT_TRUE(refused.says("nearest plan that works: tp ")) << refused.text;
}

TEST_F(LoadScenario, FeasibilityIsAskedOnlyOfSoundFiles) {
  const Refusal refused = refusal({.plan = R"({"tp": 3})", .more = R"(, "colour": "red")"});
  EXPECT_EQ(refused.kind, ErrorKind::kInput);
  EXPECT_EQ(refused.lines.size(), 1u) << refused.text;
}

TEST(FindLibrary, HasTheShippedFolders) {
  const Library library = find_library();
  EXPECT_TRUE(fs::is_regular_file(library.model_file("gpt3-175b")));
  EXPECT_TRUE(fs::is_regular_file(library.topology_file("dgx-a100-80g")));
}

TEST(FindLibrary, TheEnvironmentDecidesAndMustBeRight) {
  ::setenv("STEPCAST_HOME", STEPCAST_SOURCE_DIR, 1);
  EXPECT_EQ(find_library().root, STEPCAST_SOURCE_DIR);
  ::setenv("STEPCAST_HOME", "/proc", 1);
  EXPECT_THROW(find_library(), Error);
  ::unsetenv("STEPCAST_HOME");
}

TEST(LoadParts, ShippedNamesAndPathsAnywhere) {
  EXPECT_EQ(load_model("gpt3-175b", kShipped).num_layers, 96);
  EXPECT_EQ(load_model(kShipped.model_file("gpt3-175b"), kShipped).num_layers, 96);
  try {
    load_model("gpt3-175", kShipped);
    FAIL();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with("\"gpt3-175\": not shipped, did you mean \"gpt3-175b\"?"))
        << message;
  }
}

std::vector<std::string> shipped_files(const std::string& folder) {
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(fs::path(STEPCAST_SOURCE_DIR) / folder))
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Shipped, EveryTopologyHasASoundDeviceAndProfilesThatServeIt) {
  for (const std::string& file : shipped_files("topologies")) {
    const Topology topology = load_topology(file, kShipped);
    const DeviceProfile profile = load_device_profile(topology.device_profile, kShipped);
    EXPECT_TRUE(serves(profile, topology.device.name)) << file;
    const NetworkProfile network = load_network_profile(topology.network_profile, kShipped);
    EXPECT_NO_THROW(for_generation(network, topology.device.generation)) << file;
  }
}

TEST(Shipped, EveryStackIsSound) {
  for (const std::string& file : shipped_files("scenarios/stacks"))
    EXPECT_EQ(load_stack(file, kShipped).profile.name, fs::path(file).stem().string());
}

TEST(Shipped, EveryScenarioIsSoundAndFeasible) {
  const std::vector<std::string> files = shipped_files("scenarios");
  EXPECT_FALSE(files.empty());
  for (const std::string& file : files) EXPECT_NO_THROW(load_scenario(file, kShipped)) << file;
}

TEST_F(LoadScenario, PrescribesHowCollectivesAreDone) {
  const Scenario scenario = load({.more = R"(,
"collectives": {"algorithm": {"all_reduce": "ring", "all_gather": "tree"}, "protocol": "Simple"})"});
  const auto of = [&](CollectiveKind kind) {
    return scenario.network_profile.choices.of(kind, Bytes(1));
  };
  EXPECT_EQ(of(CollectiveKind::kAllReduce).algorithms, AlgorithmSet{Algorithm::kRing});
  EXPECT_EQ(of(CollectiveKind::kAllGather).algorithms, AlgorithmSet{Algorithm::kTree});
  EXPECT_EQ(of(CollectiveKind::kReduceScatter).algorithms, kUsualAlgorithms);
  EXPECT_EQ(of(CollectiveKind::kReduceScatter).protocols, ProtocolSet{Protocol::kSimple});
  EXPECT_TRUE(of(CollectiveKind::kAllToAll).is_free());
}

TEST_F(LoadScenario, RefusesCollectivesThatNobodyKnows) {
  const Refusal refused = refusal({.more = R"(,
"collectives": {"algorithm": {"all_reduce": "rong", "gather": "ring"}, "protocol": {"reduce": "LL64"}})"});
  EXPECT_EQ(refused.kind, ErrorKind::kInput);
  EXPECT_TRUE(refused.says("collectives.algorithm.all_reduce")) << refused.text;
  EXPECT_TRUE(refused.says("ring")) << refused.text;
  EXPECT_TRUE(refused.says("collectives.algorithm.gather")) << refused.text;
  EXPECT_TRUE(refused.says("collectives.protocol.reduce")) << refused.text;
}

}  // namespace
}  // namespace stepcast
