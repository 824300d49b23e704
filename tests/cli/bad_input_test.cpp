// Every file of tests/corpus is something a user could hand to stepcast by mistake. Each is refused
// with the exit code of its folder, one line per mistake that names the file, nothing on standard
// output. What the lines must say stands in the tables below.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "tests/support/parameter_names.h"
#include "tests/support/run_program.h"

namespace stepcast {
namespace {
namespace fs = std::filesystem;

const fs::path kCorpus = fs::path(STEPCAST_SOURCE_DIR) / "tests" / "corpus";

/// How the files of a folder are given to stepcast, and the exit code that they earn.
struct CorpusFolder {
  std::string name;
  std::string command;
  int exit_code;
};
const std::vector<CorpusFolder> kFolders = {
    {"json", "check", 3},   {"topology", "check", 3},      {"scenario", "predict", 3},
    {"plan", "predict", 4}, {"unsupported", "predict", 6},
};

/// "plan/tp_exceeds_heads" of every file, sorted.
std::vector<std::string> bad_files() {
  std::vector<std::string> files;
  for (const CorpusFolder& folder : kFolders)
    for (const auto& entry : fs::directory_iterator(kCorpus / folder.name))
      if (entry.path().extension() == ".json")
        files.push_back(folder.name + "/" + entry.path().stem().string());
  std::sort(files.begin(), files.end());
  return files;
}

/// Files that are not named themselves, since the mistake is in a part that they name.
const std::map<std::string, std::string> kMistakeIsInPart = {
    {"scenario/model_file_broken", "parts/broken.json"},
    {"scenario/model_file_is_no_json", "parts/table.csv"},
    {"scenario/stack_without_costs", "parts/stack_without_costs.json"},
    {"scenario/device_num_sms_zero", "parts/device_num_sms_zero.json"},
    {"scenario/device_num_sms_missing", "parts/device_num_sms_missing.json"},
    {"scenario/mistakes_everywhere", "scenario/"},
};

/// Parts of the text that must be there.
const std::map<std::string, std::vector<std::string>> kMustSay = {
    // syntax
    {"scenario/truncated", {":10:21: ", "the file ends"}},
    {"scenario/trailing_comma", {":16:3: ", "comma"}},
    {"scenario/comment", {":1:1: ", "\"comment\" key"}},
    {"scenario/nested_arrays_100000", {":1:65: ", "64 levels"}},
    {"scenario/nested_plan_10000", {"64 levels"}},
    {"scenario/list", {"must be an object"}},
    {"scenario/empty_object",
     {"model: missing", "topology: missing", "stack: missing", "plan: missing",
      "training: missing"}},
    {"scenario/duplicate_tp", {":13:14: plan.tp", "already stands on line 13"}},
    {"scenario/duplicate_plan", {":17:3: plan", "already stands on line 12"}},
    // keys
    {"scenario/unknown_key", {"cluster: unknown key", "known here: name"}},
    {"scenario/unknown_key_in_plan", {":16:5: plan.ttp: unknown key, did you mean \"tp\"?"}},
    {"scenario/missing_plan", {"plan: missing"}},
    {"scenario/collectives_overrides_overlap",
     {"collectives.overrides[1]: overlaps with the sizes of collectives.overrides[0].algorithm"}},
    {"scenario/missing_seq_len", {"training.seq_len: missing; expected a whole number"}},
    {"scenario/stack_trait_unknown", {"did you mean \"flash_attention\"?"}},
    // types and numbers
    {"scenario/tp_is_text", {"plan.tp = \"2\" must be a whole number"}},
    {"scenario/tp_is_a_fraction", {"plan.tp = 2.5 must be a whole number"}},
    {"scenario/tp_zero", {"plan.tp = 0 must be at least 1"}},
    {"scenario/tp_negative", {"plan.tp = -2 must be at least 1"}},
    {"scenario/tp_huge", {"plan.tp = 1000000000000 must be at most"}},
    {"scenario/dp_beyond_64_bits", {"plan.dp = 36893488147419103232 does not fit"}},
    {"scenario/seq_len_exponent", {"1e999 is too large"}},
    {"scenario/num_gpus_huge", {"must be at most 1000000"}},
    {"scenario/layers_times_width_beyond_10_to_15", {"parameters"}},
    // texts
    {"topology/ranks_per_gpu_uneven", {"ranks_per_gpu", "= 3 must divide the gpus"}},
    {"topology/graph_switch_moves_the_cursor", {"must be the name of a switch, without control"}},
    {"scenario/name_moves_the_cursor", {":22:3: name: holds a line break"}},
    // units
    {"scenario/bucket_size_without_unit", {"must be text with its unit", "80 GiB"}},
    {"scenario/bucket_size_in_seconds", {"has the unit \"ms\", which does not fit; known: B, kB"}},
    {"scenario/bucket_size_beyond_64_bits", {"is too large"}},
    {"scenario/bucket_size_without_overlap", {":16:5: plan.bucket_size needs overlap_grad_reduce"}},
    {"scenario/bandwidth_in_gbps", {"\"Gbps\"; write Gb/s or GB/s"}},
    {"scenario/bandwidth_zero", {"node.intra_bandwidth = \"0 GB/s\" must be more than zero"}},
    {"scenario/price_in_euro", {"known: USD/h"}},
    {"scenario/price_negative", {"must not be negative"}},
    // names
    {"scenario/schedule_unknown",
     {":16:5: plan.schedule", "did you mean \"one_f_one_b\"?", "gpipe"}},
    {"scenario/recompute_unknown", {"did you mean \"selective\"?"}},
    {"scenario/model_not_shipped", {"did you mean \"gpt3-175b\"?", "bloom-176b"}},
    {"scenario/stack_not_shipped", {"Shipped: megatron-deepspeed"}},
    // files
    {"scenario/model_file_missing", {"model = \"./nowhere.json\": cannot open: No such file"}},
    {"scenario/model_file_above", {"leaves the folder"}},
    {"scenario/model_file_absolute", {"\"/etc/passwd\": leaves the folder"}},
    {"scenario/model_file_linked_outside", {"leaves the folder"}},
    {"scenario/model_file_links_in_a_circle", {"symbolic links"}},
    {"scenario/model_file_folder", {"not a regular file"}},
    {"scenario/model_file_broken", {"parts/broken.json:2:18"}},
    {"scenario/topology_file_up_and_down", {"leaves the folder"}},
    {"scenario/stack_file_device", {"\"/dev/zero\": leaves the folder"}},
    {"scenario/device_file_missing", {"topology.device = \"./devices/none.json\"", "No such file"}},
    // cluster and profiles
    {"scenario/disconnected_nodes", {"leaves the nodes disconnected"}},
    {"scenario/mixed_devices_one_profile",
     {"device_profile", "is for A100-SXM-80GB, and the plan uses nodes of H100-SXM-80GB"}},
    {"scenario/mixed_devices_wrong_profile",
     {"topology.node_groups[1]",
      "\"a100-80g\" is for A100-SXM-80GB, and the nodes have H100-SXM-80GB"}},
    {"scenario/disconnected_mesh", {"no way from GPU 0 to GPU 2"}},
    {"scenario/profile_of_another_device", {"H200-SXM-141GB", "A100-SXM-80GB"}},
    {"scenario/head_dims_repeat", {"ascending"}},
    {"scenario/device_num_sms_zero",
     {"parts/device_num_sms_zero.json:10:3: num_sms = 0 must be at least 1"}},
    {"scenario/device_num_sms_missing",
     {"parts/device_num_sms_missing.json", "num_sms: missing; expected a whole number from 1"}},
    {"scenario/waves_beside_half_points",
     {":31:9: device_profile.gemm.bf16.wave_hardness = 0.4 says", "m0 and n0: leave those out"}},
    {"scenario/tile0_without_waves", {"gemm.bf16.tile0 = 20 is", "give wave_hardness too"}},
    // all in one pass
    {"scenario/mistakes_everywhere",
     {"model.num_layers = -1", "did you mean \"hidden_size\"?", "topology = \"dgx\"",
      "parts/broken.json:2:18", "plan.tp = 0", "plan.schedule", "training.seq_len = \"long\"",
      "prices.price_per_gpu_hour = 3", "published.step_time = \"5\" has no unit",
      "published.source: missing", "extra: unknown key"}},
    {"scenario/a_hundred_unknown_keys", {"key_0: unknown key", "key_19: unknown key", "more"}},
    // plans
    {"plan/tp_does_not_divide_heads",
     {":13:5: plan.tp = 3 must divide num_heads = 4 (1, 2, 4)",
      "nearest plan that works: tp 2, pp 2"}},
    {"plan/pp_does_not_divide_layers", {"plan.pp = 3 must divide num_layers = 4", "nearest plan"}},
    {"plan/batch_is_no_multiple", {"training.global_batch_size = 9", "use 10", "nearest plan"}},
    {"plan/degrees_are_not_num_gpus", {"= 8 must be num_gpus = 16; use dp = 4", "nearest plan"}},
    {"plan/more_ranks_than_gpus", {"num_gpus = 64 must be at most the 16 GPUs", "nearest plan"}},
    {"plan/degrees_overflow", {"1000000000000000000 must be at most", "nearest plan"}},
    {"plan/virtual_stages_with_gpipe", {"needs schedule \"interleaved\"", "nearest plan"}},
    {"plan/precision_not_of_the_device", {"is not supported by A100-SXM-80GB; use bf16"}},
    {"plan/microbatches_beyond_count", {"50000000 microbatches", "nearest plan"}},
    {"plan/activations_beyond_64_bits", {"larger than 2^56 elements"}},
    {"plan/does_not_fit_in_memory",
     {"does not fit in memory", "386 GiB of 79.3 GiB", "try more recompute, a larger tp or pp;"}},
    {"plan/does_not_fit_with_all_that_saves_memory", {"try a larger tp or pp;"}},
    {"plan/everything_at_once",
     {"tp * pp * dp = 3 * 3 * 3 = 27 must be num_gpus = 10", "num_heads = 4", "num_layers = 4",
      "global_batch_size = 8", "nearest plan"}},
};

void expect_lines_name(const std::string& text, const std::string& file) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("... and ")) continue;  // how many more there are
    EXPECT_NE(line.find(file), std::string::npos) << line;
  }
}

class BadInput : public ::testing::TestWithParam<std::string> {};

TEST_P(BadInput, IsRefusedWithOneLinePerMistake) {
  const std::string& name = GetParam();
  const auto folder = std::find_if(kFolders.begin(), kFolders.end(), [&](const auto& row) {
    return name.starts_with(row.name + "/");
  });
  const ProgramRun run =
      run_program({STEPCAST_BINARY, folder->command, (kCorpus / (name + ".json")).string()});
  EXPECT_FALSE(run.timed_out);
  EXPECT_EQ(run.exit_code, folder->exit_code) << run.err;
  EXPECT_EQ(run.out, "");
  EXPECT_NE(run.err, "");
  const auto part = kMistakeIsInPart.find(name);
  expect_lines_name(run.err, part == kMistakeIsInPart.end() ? name : part->second);
  const auto must_say = kMustSay.find(name);
  if (must_say == kMustSay.end()) return;
  for (const std::string& words : must_say->second)
    EXPECT_NE(run.err.find(words), std::string::npos) << words << " in\n" << run.err;
}

INSTANTIATE_TEST_SUITE_P(Corpus, BadInput, ::testing::ValuesIn(bad_files()), plain_name);

TEST(BadInputTables, SpeakOfFilesThatExist) {
  for (const auto& [name, words] : kMustSay)
    EXPECT_TRUE(fs::exists(kCorpus / (name + ".json"))) << name;
  for (const auto& [name, part] : kMistakeIsInPart)
    EXPECT_TRUE(fs::exists(kCorpus / (name + ".json"))) << name;
}

}  // namespace
}  // namespace stepcast
