// scenarios/README.md and topologies/calibrations/README.md against the program: every example
// loads, every field of a table is read, every field that the program reads is in a table.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "sim/base/file_io.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/shared_cluster.h"
#include "tests/support/parameter_names.h"
#include "tests/support/run_program.h"
#include "tests/support/scratch_folder.h"

namespace stepcast {
namespace {

const std::string kRoot = STEPCAST_SOURCE_DIR;
const Library kShipped{kRoot};

std::string document(const std::string& name) {
  return read_text_file(kRoot + "/" + name, 1 << 20);
}

/// What stands between a heading and the next heading of the same or a higher level.
std::string section(const std::string& text, const std::string& heading) {
  const std::size_t begin = text.find("\n" + heading + "\n");
  EXPECT_NE(begin, std::string::npos) << heading;
  const std::string level = heading.substr(0, heading.find(' ') + 1);
  std::size_t end = text.find("\n#", begin + 1 + heading.size());
  return text.substr(begin, end == std::string::npos ? end : end - begin);
}

/// First cells of table rows: | `tp` | ...
std::set<std::string> fields_of(const std::string& text) {
  std::set<std::string> fields;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("| `")) fields.insert(line.substr(3, line.find('`', 3) - 3));
  return fields;
}

/// Examples: blocks between ```json and ```.
std::vector<std::string> examples_of(const std::string& text) {
  std::vector<std::string> examples;
  const std::string open = "```json\n";
  for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at + 1)) {
    const std::size_t begin = at + open.size();
    examples.push_back(text.substr(begin, text.find("```", begin) - begin));
  }
  return examples;
}

/// Reads one object; mistakes are all that matters.
using Read = std::function<void(const JsonValue&, Problems&)>;

std::vector<std::string> complaints(const std::string& json, const Read& read) {
  Problems problems;
  read(parse_json(json, "example").root(), problems);
  std::vector<std::string> texts;
  for (const Problem& problem : problems.all()) texts.push_back(problem.path + problem.message);
  return texts;
}

/// Keys that the reader asks for, from its own complaint about one that it does not know.
std::set<std::string> known_keys(const Read& read) {
  std::set<std::string> keys;
  for (const std::string& text : complaints(R"({"zzzzzzzzzzzzzzzz": 1})", read)) {
    const std::size_t at = text.find("known here: ");
    if (at == std::string::npos) continue;
    std::istringstream names(text.substr(at + 12));
    for (std::string name; std::getline(names >> std::ws, name, ',');) keys.insert(name);
  }
  return keys;
}

bool is_known(const std::string& key, const Read& read) {
  for (const std::string& text : complaints("{\"" + key + "\": [[]]}", read))
    if (text.find(key + ": unknown key") != std::string::npos) return false;
  return true;
}

struct Table {
  std::string file;
  std::string heading;
  Read read;
};

void PrintTo(const Table& table, std::ostream* out) { *out << table.file << " " << table.heading; }

const std::string kScenarios = "scenarios/README.md";
const std::string kProfiles = "topologies/calibrations/README.md";

/// Reads a profile whose part `key` is the object at hand.
Read profile_part(const std::string& before, const std::string& after) {
  return [before, after](const JsonValue& value, Problems& problems) {
    std::string inner = "{";
    for (const std::string& key : value.keys()) inner += "\"" + key + "\": [[]]}";
    Problems all;
    read_device_profile(parse_json(before + inner + after, "profile").root(), all);
    for (const Problem& problem : all.all()) problems.add(problem);
  };
}

/// A scenario with one part replaced; only that part's complaints are looked at.
Read scenario_part(const std::string& key) {
  return [key](const JsonValue& value, Problems& problems) {
    ScratchFolder folder;
    std::string inner = "{";
    for (const std::string& name : value.keys()) inner += "\"" + name + "\": [[]]}";
    const std::string text = key.empty() ? inner : "{\"" + key + "\": " + inner + "}";
    try {
      load_scenario(folder.write("s.json", text), kShipped);
    } catch (const Error& error) {
      for (const Problem& problem : error.problems()) problems.add(problem);
    }
  };
}

/// A shared cluster, or with `job` one of its jobs; mistakes of the rest do not matter.
Read shared_cluster(bool job) {
  return [job](const JsonValue& value, Problems& problems) {
    ScratchFolder folder;
    std::string inner = "{";
    for (const std::string& name : value.keys()) inner += "\"" + name + "\": [[]]}";
    const std::string text =
        job ? R"({"topology": "dgx-a100-80g", "jobs": [)" + inner + "]}" : inner;
    try {
      load_shared_cluster(folder.write("jobs.json", text), kShipped);
    } catch (const Error& error) {
      for (const Problem& problem : error.problems()) problems.add(problem);
    }
  };
}

const std::vector<Table> kTables = {
    {kScenarios, "## scenario", scenario_part("")},
    {kScenarios, "## plan", read_plan},
    {kScenarios, "## training", read_training},
    {kScenarios, "## prices", scenario_part("prices")},
    {kScenarios, "## published", scenario_part("published")},
    {kScenarios, "## shared cluster", shared_cluster(false)},
    {kScenarios, "### jobs", shared_cluster(true)},
    {kScenarios, "### traits", read_traits},
    {kScenarios, "### costs", read_stack_profile},
    {kProfiles, "## profile", read_device_profile},
    {kProfiles, "## gemm", profile_part(R"({"gemm": {"fp16": )", "}}")},
    {kProfiles, "## attention", profile_part(R"({"attention": {"fp16": )", "}}")},
    {kProfiles, "## convolution", profile_part(R"({"convolution": {"fp16": )", "}}")},
    {kProfiles, "## memory", profile_part(R"({"memory": )", "}")},
};

class DocumentedFields : public ::testing::TestWithParam<Table> {};

TEST_P(DocumentedFields, AreThoseThatTheProgramReads) {
  const Table& table = GetParam();
  const std::set<std::string> documented = fields_of(section(document(table.file), table.heading));
  EXPECT_FALSE(documented.empty());
  for (const std::string& field : documented)
    EXPECT_TRUE(is_known(field, table.read)) << field << " is not read";
  const std::set<std::string> known = known_keys(table.read);
  EXPECT_FALSE(known.empty());
  for (const std::string& key : known)
    EXPECT_TRUE(documented.contains(key)) << key << " is not documented";
}

INSTANTIATE_TEST_SUITE_P(Tables, DocumentedFields, ::testing::ValuesIn(kTables),
                         [](const auto& table) {
                           return as_test_name(
                               table.param.heading.substr(table.param.heading.find(' ') + 1));
                         });

TEST(Documents, TheScenarioOfTheReadmePredicts) {
  ScratchFolder folder;
  const std::vector<std::string> examples = examples_of(document(kScenarios));
  ASSERT_EQ(examples.size(), 1u);
  const ProgramRun run =
      run_program({STEPCAST_BINARY, "predict", folder.write("example.json", examples[0])});
  EXPECT_EQ(run.exit_code, 0) << run.err;
}

TEST(Documents, TheProfileOfTheReadmeLoads) {
  const std::vector<std::string> examples = examples_of(document(kProfiles));
  ASSERT_EQ(examples.size(), 1u);
  EXPECT_EQ(complaints(examples[0], read_device_profile), std::vector<std::string>{});
}

TEST(Documents, TheKeysOfTheResultAreThoseOfTheReadme) {
  const ProgramRun run = run_program(
      {STEPCAST_BINARY, "predict", kRoot + "/scenarios/gpt-22b-8xa100-full.json", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::vector<std::string> written = parse_json(run.out, "stdout").root().keys();
  std::set<std::string> documented;
  for (const char* heading :
       {"### What was asked", "### Time", "### Memory", "### Money and energy"})
    documented.merge(fields_of(section(document(kScenarios), heading)));
  EXPECT_EQ(documented, std::set<std::string>(written.begin(), written.end()));
}

JsonDocument exported_step() {
  const ProgramRun run =
      run_program({STEPCAST_BINARY, "export", "training-step", "live-gpu-125m", "-o", "-"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  return parse_json(run.out, "stdout");
}

TEST(Documents, TheKeysOfAnExportedStepAreThoseOfTheReadmes) {
  const JsonDocument exported = exported_step();
  const JsonValue step = exported.root();
  const auto keys = [](const JsonValue& value) {
    const std::vector<std::string> all = value.keys();
    return std::set<std::string>(all.begin(), all.end());
  };
  EXPECT_EQ(fields_of(section(document(kScenarios), "## A step for other frameworks")), keys(step));
  std::set<std::string> of_models = fields_of(section(document("models/README.md"), "## Fields"));
  for (const char* not_exported : {"source", "comment", "num_experts"})
    of_models.erase(not_exported);
  EXPECT_EQ(of_models, keys(*step.member("model")));
  EXPECT_EQ(fields_of(section(document(kScenarios), "## training")),
            keys(*step.member("training")));
}

// GPT-2 small has 124,439,808 parameters (Hugging Face), and its 50,257 words are padded to a
// multiple of 128.
TEST(Documents, AnExportedStepHasItsDefaultsFilledIn) {
  const JsonDocument exported = exported_step();
  const JsonValue step = exported.root();
  EXPECT_EQ(step.member("parameters")->as_integer(), 124439808);
  EXPECT_EQ(step.member("padded_vocab_size")->as_integer(), 50304);
  EXPECT_EQ(step.member("model")->member("head_dim")->as_integer(), 64);
  EXPECT_EQ(step.member("plan")->member("recompute")->as_string(), "none");
  EXPECT_EQ(step.member("training")->member("precision")->as_string(), "bf16");
  EXPECT_EQ(run_program({STEPCAST_BINARY, "export", "training-step", "live-gpu-125m", "--gpus", "2",
                         "-o", "-"})
                .exit_code,
            2);
}

TEST(Documents, TheKeysOfATopologyAreThoseOfTheReadme) {
  const ProgramRun run =
      run_program({STEPCAST_BINARY, "topology", "dgx-h100", "--gpus", "16", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const std::vector<std::string> written = parse_json(run.out, "stdout").root().keys();
  EXPECT_EQ(
      fields_of(section(document("topologies/README.md"), "## What `stepcast topology` prints")),
      std::set<std::string>(written.begin(), written.end()));
}

TEST(Documents, DefaultsOfTheCostsAreThoseOfTheReadme) {
  // "| `score_bytes` | ... | 12 |" and the like.
  const StackProfile stack;
  const std::string costs = section(document(kScenarios), "### costs");
  const auto default_of = [&](const std::string& field) {
    const std::size_t row = costs.find("| `" + field + "`");
    const std::size_t end = costs.find(" |\n", row);
    return costs.substr(costs.rfind("| ", end) + 2, end - costs.rfind("| ", end) - 2);
  };
  EXPECT_EQ(std::stod(default_of("score_bytes")), stack.score_bytes);
  EXPECT_EQ(std::stod(default_of("score_backward_ratio")), stack.score_backward_ratio);
  EXPECT_EQ(std::stod(default_of("misaligned_head_factor")), stack.misaligned_head_factor);
  EXPECT_EQ(std::stod(default_of("logit_bytes")), stack.logit_bytes);
  EXPECT_EQ(default_of("issue_forward"), "`\"20 us\"`");
  EXPECT_DOUBLE_EQ(stack.issue_forward.value(), 20e-6);
}

}  // namespace
}  // namespace stepcast
