#include "sim/ledger/step_scenario.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <numeric>

#include "sim/base/quantity_text.h"
#include "sim/plan/feasibility.h"
#include "sim/scenario/references.h"
#include "sim/scenario/resolve.h"

namespace stepcast {
namespace {

constexpr std::int64_t kAssumedVocabulary = 50304;

std::optional<Dtype> precision_of(const std::string& name) {
  for (const Dtype dtype : {Dtype::kFp32, Dtype::kTf32, Dtype::kFp16, Dtype::kBf16, Dtype::kFp8})
    if (name == name_of(dtype)) return dtype;
  return std::nullopt;
}

std::optional<std::int64_t> whole_number(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool is_one_of(const std::string& text, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), text) != names.end();
}

bool is_interleaved(const std::string& schedule) {
  return is_one_of(schedule, {"interleaved_1f1b", "1f1b-i"});
}

/// Everything in a row that no Scenario can say, or that has to be published and was not.
class Objections {
 public:
  explicit Objections(const StepRow& row) : row_(row) {
    missing();
    model();
    plan();
  }
  std::string text() const {
    std::string all;
    for (const std::string& reason : reasons_) all += (all.empty() ? "" : "; ") + reason;
    return all;
  }

 private:
  void add(std::string reason) { reasons_.push_back(std::move(reason)); }
  void require(const std::optional<std::int64_t>& cell, const char* name) {
    if (!cell)
      add(std::string(name) + " was not published");
    else if (*cell < 1)
      add(std::string(name) + " = " + std::to_string(*cell) + " is not positive");
  }

  void missing() {
    if (row_.num_gpus < 1) add("n_gpus was not published");
    require(row_.num_layers, "num_layers");
    require(row_.hidden_size, "hidden_size");
    require(row_.num_heads, "num_heads");
    require(row_.seq_len, "seq_len");
    require(row_.tp, "tp");
    require(row_.pp, "pp");
    require(row_.global_batch_size, "global_batch_size");
  }

  void model() {
    if (row_.num_experts.value_or(0) > 0) add("mixture of experts is not modelled");
    if (!row_.num_kv_heads.empty() && !whole_number(row_.num_kv_heads))
      add("attention of kind " + row_.num_kv_heads + " is not modelled");
    if (!precision_of(row_.precision))
      add(row_.precision.empty() ? "precision was not published"
                                 : "precision " + row_.precision + " is not modelled");
  }

  void plan() {
    if (row_.cp.value_or(1) > 1) add("context parallelism (cp) is not modelled");
    if (row_.ep.value_or(1) > 1) add("expert parallelism (ep) is not modelled");
    if (!is_one_of(row_.sharding, {"", "none", "zero1"}))
      add("sharding " + row_.sharding + " is not modelled (none and zero1 are)");
    else if (row_.sharding == "zero1" && row_.shard_group && row_.shard_group != row_.dp)
      add("sharding over a part of the data-parallel ranks (shard_group) is not modelled");
    if (!is_interleaved(row_.schedule) && !is_one_of(row_.schedule, {"", "unknown", "1f1b"}))
      add("schedule " + row_.schedule + " is not modelled");
    if (!is_one_of(row_.recompute, {"", "unknown", "none", "selective", "full"}))
      add("recompute " + row_.recompute + " is not modelled");
  }

  const StepRow& row_;
  std::vector<std::string> reasons_;
};

/// Fills one Scenario from one row, noting each rule that it had to use.
class Expression {
 public:
  Expression(const StepRow& row, const RowLibrary::Cluster& cluster, const Stack& stack)
      : row_(row) {
    Scenario& s = out_.scenario;
    s.name = row.id;
    s.num_gpus = row.num_gpus;
    s.topology = cluster.topology;
    s.device_profile = cluster.device_profile;
    s.network_profile = cluster.network_profile;
    s.traits = stack.traits;
    s.stack = stack.profile;
    s.published.step_time = Seconds(row.step_time_s.value_or(0));
    s.published.source = row.source;
    set_model();
    set_training();
    set_plan();
  }
  ExpressedRow result() && { return std::move(out_); }

 private:
  template <typename T>
  T otherwise(const std::optional<T>& published, T rule, const std::string& what) {
    if (!published) out_.assumptions.push_back(what + " (not published)");
    return published.value_or(rule);
  }

  void set_model() {
    Model& m = out_.scenario.model;
    m.name = row_.model;
    m.num_layers = *row_.num_layers;
    m.hidden_size = *row_.hidden_size;
    m.num_heads = *row_.num_heads;
    m.num_kv_heads = whole_number(row_.num_kv_heads).value_or(m.num_heads);
    m.head_dim = m.hidden_size / m.num_heads;
    m.ffn_hidden_size = otherwise(row_.ffn_hidden_size, 4 * m.hidden_size, "ffn_hidden_size 4 h");
    m.vocab_size = otherwise(row_.vocab_size, kAssumedVocabulary,
                             "vocab_size " + std::to_string(kAssumedVocabulary));
    m.tied_embeddings = otherwise(row_.tied_embeddings, !row_.gated_mlp,
                                  row_.gated_mlp ? "untied embeddings" : "tied embeddings");
    if (row_.gated_mlp)
      make_llama_like(m);
    else
      make_gpt_like(m);
  }

  static void make_llama_like(Model& m) {
    m.gated_mlp = true;
    m.activation = Activation::kSwiglu;
    m.norm = Norm::kRmsNorm;
    m.position_embedding = PositionEmbedding::kRotary;
    m.linear_bias = m.qkv_bias = m.norm_bias = false;
  }

  void make_gpt_like(Model& m) const {
    const bool bloom = m.name.starts_with("BLOOM");
    m.position_embedding = bloom ? PositionEmbedding::kAlibi : PositionEmbedding::kLearned;
    m.embedding_norm = bloom;
    m.max_positions = bloom ? 0 : *row_.seq_len;
  }

  void set_training() {
    Training& t = out_.scenario.training;
    t.seq_len = *row_.seq_len;
    t.global_batch_size = *row_.global_batch_size;
    t.precision = precision_of(row_.precision).value();
  }

  void set_plan() {
    Plan& p = out_.scenario.plan;
    p.tp = *row_.tp;
    p.pp = *row_.pp;
    p.dp = otherwise(row_.dp, std::max<std::int64_t>(row_.num_gpus / (p.tp * p.pp), 1),
                     "dp = n_gpus / (tp pp)");
    p.sequence_parallel = row_.sequence_parallel.value_or(false);
    p.zero_stage = row_.sharding == "zero1" ? 1 : 0;
    const std::int64_t micro_batch = assumed_micro_batch_size();
    p.micro_batch_size = otherwise(row_.micro_batch_size, micro_batch,
                                   "micro_batch_size " + std::to_string(micro_batch));
    set_stage_balance();
    set_schedule();
    set_recompute();
    set_gradient_buckets();
  }

  /// Megatron-LM's own scripts of the SC21 table (examples/sc21/run_table_1.sh) go down from 16
  /// sequences with the width of the model; other sources that are silent train one at a time.
  std::int64_t assumed_micro_batch_size() const {
    if (row_.framework != "megatron-lm-2021") return 1;
    const std::int64_t hidden = out_.scenario.model.hidden_size;
    const std::int64_t per_replica =
        std::max<std::int64_t>(*row_.global_batch_size / out_.scenario.plan.dp, 1);
    const std::int64_t scripted = hidden <= 4096    ? 16
                                  : hidden <= 6144  ? 8
                                  : hidden <= 8192  ? 4
                                  : hidden <= 12288 ? 2
                                                    : 1;
    return std::gcd(scripted, per_replica);
  }

  void set_stage_balance() {
    Scenario& s = out_.scenario;
    const StageBalance balance = s.traits.stage_balance;
    if (balance == StageBalance::kByComputeCost || s.plan.pp < 2) return;
    const std::int64_t parts = s.plan.pp * row_.vp.value_or(1);
    if (s.model.num_layers % parts == 0 || (s.model.num_layers + 2) % parts != 0) return;
    s.traits.stage_balance = StageBalance::kEndsMinusOne;
    out_.assumptions.push_back("first and last stage hold one layer less");
  }

  void set_schedule() {
    Plan& p = out_.scenario.plan;
    if (p.pp < 2) return;
    if (row_.schedule == "unknown") out_.assumptions.push_back("1F1B (schedule not published)");
    p.virtual_stages = row_.vp.value_or(1);
    if (is_interleaved(row_.schedule) && !row_.vp) {
      p.virtual_stages = assumed_virtual_stages();
      out_.assumptions.push_back("vp " + std::to_string(p.virtual_stages) + " (not published)");
    }
    if (p.virtual_stages > 1) p.schedule = "interleaved";
  }

  std::int64_t assumed_virtual_stages() const {
    const Scenario& s = out_.scenario;
    const bool ends_minus_one = s.traits.stage_balance == StageBalance::kEndsMinusOne;
    const std::int64_t layers = s.model.num_layers + (ends_minus_one ? 2 : 0);
    const std::int64_t microbatches =
        s.training.global_batch_size / (s.plan.dp * s.plan.micro_batch_size);
    if (layers % s.plan.pp != 0 || microbatches % s.plan.pp != 0) return 1;
    for (const std::int64_t chunks : {4, 3, 2})
      if (layers / s.plan.pp % chunks == 0) return chunks;
    return 1;
  }

  void set_recompute() {
    Scenario& s = out_.scenario;
    if (row_.recompute == "full") s.plan.recompute = Recompute::kFull;
    if (row_.recompute == "selective") s.plan.recompute = Recompute::kSelective;
    if (!is_one_of(row_.recompute, {"", "unknown"})) return;
    s.plan.recompute = s.traits.flash_attention ? Recompute::kNone : Recompute::kSelective;
    out_.assumptions.push_back(std::string("recompute ") +
                               (s.traits.flash_attention ? "none" : "selective") +
                               " (not published)");
  }

  /// "ddp bucket 25 MB": PyTorch's DistributedDataParallel, which reduces while backward goes on.
  /// It counts its buckets in the weights' type, whatever travels.
  void set_gradient_buckets() {
    static constexpr std::string_view kMention = "ddp bucket ";
    const std::size_t at = row_.notes.find(kMention);
    if (at == std::string::npos) return;
    const std::string text = row_.notes.substr(at + kMention.size());
    std::string why;
    const auto size = parse_quantity<Bytes>(text.substr(0, text.find_first_of(",;")), why);
    if (!size) return;
    Scenario& s = out_.scenario;
    const bool doubled = s.traits.fp32_grad_reduce && size_of(s.training.precision) == 2;
    s.plan.overlap_grad_reduce = true;
    s.plan.bucket_size = *size * (doubled ? 2 : 1);
  }

  const StepRow& row_;
  ExpressedRow out_;
};

std::string first_objection_of_plan(const Scenario& s) {
  const std::vector<Problem> problems =
      check_plan(s.model, s.plan, s.training, s.topology, s.num_gpus, s.traits);
  return problems.empty() ? "" : problems.front().path + " " + problems.front().message;
}

bool exists(const std::string& file) {
  std::error_code error;
  return std::filesystem::exists(file, error);
}

}  // namespace

std::string folder_of(const CsvTable& table) {
  return std::filesystem::path(table.file).parent_path().string();
}

JsonValue RowLibrary::resolved(const std::string& cluster) const {
  try {
    return resolve(cluster, folder_,
                   [&](const std::string& name) { return library_.topology_file(name); })
        .root();
  } catch (const Error& error) {
    std::vector<Problem> problems = error.problems();
    for (Problem& problem : problems)
      if (problem.file.empty())
        problem.message = "cluster = \"" + cluster + "\": " + problem.message;
    throw Error(error.kind(), std::move(problems));
  }
}

std::optional<RowLibrary::Cluster> RowLibrary::read_cluster(const std::string& name) const {
  const std::string file = is_path(name) ? (std::filesystem::path(folder_) / name).string()
                                         : library_.topology_file(name);
  if (!exists(file)) return std::nullopt;
  const JsonValue root = resolved(name);
  Problems problems;
  References references(library_, problems);
  Cluster cluster{
      .topology = references.topology(root), .device_profile = {}, .network_profile = {}};
  problems.raise_if_any();
  const auto device =
      references.follow(*root.member("device_profile"), &Library::device_profile_file);
  const auto network =
      references.follow(*root.member("network_profile"), &Library::network_profile_file);
  if (device) cluster.device_profile = read_device_profile(*device, problems);
  if (network)
    cluster.network_profile = for_generation(read_network_profile(*network, problems),
                                             cluster.topology.device.generation);
  problems.raise_if_any();
  return cluster;
}

const RowLibrary::Cluster* RowLibrary::cluster(const std::string& name) {
  auto at = clusters_.find(name);
  if (at == clusters_.end()) at = clusters_.emplace(name, read_cluster(name)).first;
  return at->second ? &*at->second : nullptr;
}

const Stack* RowLibrary::stack(const std::string& framework) {
  auto at = stacks_.find(framework);
  if (at == stacks_.end()) {
    std::optional<Stack> stack;
    if (exists(library_.stack_file(framework))) stack = load_stack(framework, library_);
    at = stacks_.emplace(framework, std::move(stack)).first;
  }
  return at->second ? &*at->second : nullptr;
}

std::variant<ExpressedRow, SkipReason> express(const StepRow& row, RowLibrary& library,
                                               const std::string& stack_name) {
  if (const std::string text = Objections(row).text(); !text.empty()) return SkipReason{text};
  const RowLibrary::Cluster* cluster = library.cluster(row.cluster);
  if (!cluster)
    return SkipReason{"no topology file for cluster \"" + row.cluster +
                      "\" (a shipped name, or a path beside the table)"};
  if (!cluster->topology.has_one_device())
    return SkipReason{"cluster \"" + row.cluster +
                      "\" has nodes of several devices, and tables of "
                      "step times are predicted with one"};
  const std::string& name = stack_name.empty() ? row.framework : stack_name;
  const Stack* stack = library.stack(name);
  if (!stack) return SkipReason{"no stack profile for framework \"" + name + "\""};
  ExpressedRow expressed = Expression(row, *cluster, *stack).result();
  if (const std::string text = first_objection_of_plan(expressed.scenario); !text.empty())
    return SkipReason{text};
  return expressed;
}

}  // namespace stepcast
