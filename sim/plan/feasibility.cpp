#include "sim/plan/feasibility.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "sim/base/plain_text.h"
#include "sim/plan/divisors.h"

namespace stepcast {
namespace {

std::string text(std::int64_t number) { return std::to_string(number); }

/// One method for each subject; all of them run, so that the user sees every reason at once.
class PlanCheck {
 public:
  PlanCheck(const Model& model, const Plan& plan, const Training& training,
            const Topology& topology, std::int64_t num_gpus, const Traits& traits)
      : model_(model),
        plan_(plan),
        training_(training),
        topology_(topology),
        num_gpus_(num_gpus),
        traits_(traits) {}

  std::vector<Problem> run() && {
    check_positive();
    if (!problems_.empty()) return std::move(problems_);  // the rules below divide by these numbers
    check_gpus();
    check_tensor_parallel();
    check_sequence_parallel();
    check_stages();
    check_virtual_stages();
    check_batch();
    check_training();
    check_sizes();
    check_sharding();
    return std::move(problems_);
  }

 private:
  void add(std::string path, std::string message) {
    problems_.push_back({.path = std::move(path), .message = std::move(message)});
  }

  void check_positive() {
    const auto positive = [&](const char* path, std::int64_t value) {
      if (value < 1) add(path, "= " + text(value) + " must be at least 1");
    };
    positive("plan.tp", plan_.tp);
    positive("plan.pp", plan_.pp);
    positive("plan.dp", plan_.dp);
    positive("plan.virtual_stages", plan_.virtual_stages);
    positive("plan.micro_batch_size", plan_.micro_batch_size);
    positive("plan.bucket_size", plan_.bucket_size.value());
    positive("training.global_batch_size", training_.global_batch_size);
    positive("training.seq_len", training_.seq_len);
    positive("num_gpus", num_gpus_);
  }

  void check_gpus() {
    if (plan_.world_size() != num_gpus_)
      add("plan", ": tp * pp * dp = " + text(plan_.tp) + " * " + text(plan_.pp) + " * " +
                      text(plan_.dp) + " = " + text(plan_.world_size()) +
                      " must be num_gpus = " + text(num_gpus_) + gpus_way_out());
    if (num_gpus_ > topology_.num_gpus())
      add("num_gpus",
          "= " + text(num_gpus_) + " must be at most the " +
              counted(topology_.num_gpus(), topology_.ranks_per_gpu > 1 ? "place" : "GPU") +
              " of " + topology_.name + " (" + counted(topology_.num_nodes, "node") + " of " +
              text(topology_.node.gpus) + "); use fewer, or a cluster with more nodes");
  }
  std::string gpus_way_out() const {
    const std::int64_t replica = plan_.tp * plan_.pp;
    if (num_gpus_ % replica == 0) return "; use dp = " + text(num_gpus_ / replica);
    return "; change one of them";
  }

  /// tp splits `value` of the model evenly, or that is a problem.
  void check_tp_divides(const char* name, std::int64_t value) {
    if (value % plan_.tp != 0)
      add("plan.tp", "= " + text(plan_.tp) + " must divide " + name + " = " + text(value) + " (" +
                         divisors_text(value, plan_.tp) + ")");
  }

  void check_tensor_parallel() {
    check_tp_divides("num_heads", model_.num_heads);
    check_tp_divides("hidden_size", model_.hidden_size);
    check_tp_divides("ffn_hidden_size", model_.ffn_hidden_size);
    // With fewer key-value heads than ranks, each head is held by tp / num_kv_heads ranks.
    if (model_.num_kv_heads % plan_.tp != 0 && plan_.tp % model_.num_kv_heads != 0)
      add("plan.tp",
          "= " + text(plan_.tp) + " must divide num_kv_heads = " + text(model_.num_kv_heads) +
              " or be a multiple of it (" + divisors_text(model_.num_kv_heads, plan_.tp) + ", " +
              text(2 * model_.num_kv_heads) + ", ...)");
  }

  void check_sequence_parallel() {
    // With tp = 1 there is nothing to split, and Megatron-LM turns it off as well.
    if (plan_.sequence_parallel && training_.seq_len % plan_.tp != 0)
      add("plan.tp", "= " + text(plan_.tp) + " must divide seq_len = " + text(training_.seq_len) +
                         " with sequence_parallel (" + divisors_text(training_.seq_len, plan_.tp) +
                         "); or turn sequence_parallel off");
  }

  void check_stages() {
    const std::int64_t chunks = plan_.pp * plan_.virtual_stages;
    const std::string product = plan_.virtual_stages == 1
                                    ? "= " + text(plan_.pp)
                                    : "* virtual_stages = " + text(plan_.pp) + " * " +
                                          text(plan_.virtual_stages) + " = " + text(chunks);
    const std::string layers = "num_layers = " + text(model_.num_layers);
    if (model_.num_layers < chunks)
      add("plan.pp", product + " must be at most " + layers + ", so that each has a layer");
    else if (traits_.stage_balance == StageBalance::kUniform && model_.num_layers % chunks != 0)
      add("plan.pp", product + " must divide " + layers + " (" +
                         divisors_text(model_.num_layers, chunks) +
                         "); or set plan.stage_balance to \"balanced\"");
    else if (traits_.stage_balance == StageBalance::kEndsMinusOne && chunks > 1 &&
             (model_.num_layers + 2) % chunks != 0)
      add("plan.pp", product + " must divide num_layers + 2 = " + text(model_.num_layers + 2) +
                         " with stage_balance \"ends_minus_one\" (" +
                         divisors_text(model_.num_layers + 2, chunks, model_.num_layers) +
                         "); or use \"balanced\"");
  }

  void check_virtual_stages() {
    const bool interleaved = plan_.schedule == "interleaved";
    if (plan_.virtual_stages == 1) {
      if (interleaved)
        add("plan.schedule",
            "= \"interleaved\" needs virtual_stages of at least 2; give them, or use "
            "\"one_f_one_b\"");
      return;
    }
    const std::string chunks = "= " + text(plan_.virtual_stages);
    if (plan_.pp == 1)
      add("plan.virtual_stages", chunks + " needs pp of at least 2; use virtual_stages = 1");
    if (!interleaved)
      add("plan.virtual_stages", chunks + " needs schedule \"interleaved\", not \"" +
                                     plan_.schedule + "\"; change one of them");
    if (batch_divides() && num_microbatches() % plan_.pp != 0)
      add("plan.virtual_stages",
          chunks + " needs a number of microbatches that is a multiple of pp = " + text(plan_.pp) +
              ", not " + microbatches_text() + "; change one of them, or use virtual_stages = 1");
  }

  std::int64_t sequences_at_once() const { return plan_.dp * plan_.micro_batch_size; }
  bool batch_divides() const { return training_.global_batch_size % sequences_at_once() == 0; }
  std::int64_t num_microbatches() const {
    return training_.global_batch_size / sequences_at_once();
  }
  std::string microbatches_text() const {
    return text(training_.global_batch_size) + " / (" + text(plan_.dp) + " * " +
           text(plan_.micro_batch_size) + ") = " + text(num_microbatches());
  }

  void check_batch() {
    if (!batch_divides())
      add("training.global_batch_size",
          "= " + text(training_.global_batch_size) +
              " must be a multiple of dp * micro_batch_size = " + text(plan_.dp) + " * " +
              text(plan_.micro_batch_size) + " = " + text(sequences_at_once()) + "; use " +
              text((num_microbatches() + 1) * sequences_at_once()) + ", or change one of them");
    else if (num_microbatches() > kMaxMicrobatches)
      add("training.global_batch_size",
          "= " + text(training_.global_batch_size) + " gives " + microbatches_text() +
              " microbatches, and at most " + text(kMaxMicrobatches) +
              " can be followed; use a larger dp or micro_batch_size");
    else if (num_microbatches() * model_.num_layers > kMaxLayerPasses)
      add("training.global_batch_size",
          "= " + text(training_.global_batch_size) + " gives " + microbatches_text() +
              " microbatches; times num_layers = " + text(model_.num_layers) +
              " that is more than the " + text(kMaxLayerPasses) +
              " that can be followed; use a larger dp or micro_batch_size");
  }

  void check_training() {
    if (model_.position_embedding == PositionEmbedding::kLearned &&
        training_.seq_len > model_.max_positions)
      add("training.seq_len", "= " + text(training_.seq_len) +
                                  " must be at most the model's max_positions = " +
                                  text(model_.max_positions) + ", the rows of its position table");
    for (const NodeGroup& group : topology_.groups_for(num_gpus_))
      if (!supports(group, training_.precision))
        return add("training.precision", "= \"" + std::string(name_of(training_.precision)) +
                                             "\" is not supported by " + group.device.name +
                                             "; use " + supported_precisions());
  }
  static bool supports(const NodeGroup& group, Dtype dtype) {
    return group.device.peak(dtype) > FlopsPerSec{0};
  }
  std::string supported_precisions() const {
    const std::vector<NodeGroup> groups = topology_.groups_for(num_gpus_);
    std::string names;
    for (const Dtype dtype : {Dtype::kBf16, Dtype::kFp16, Dtype::kTf32, Dtype::kFp32, Dtype::kFp8})
      if (std::ranges::all_of(groups, [&](const auto& group) { return supports(group, dtype); }))
        names += (names.empty() ? "" : " or ") + std::string(name_of(dtype));
    return names.empty() ? "another device" : names;
  }

  /// A plan that passes has no tensor of more than 2^56 elements, so that sizes in bytes are safe.
  void check_sizes() {
    const double most = 0x1p56;
    const double tokens =
        static_cast<double>(plan_.micro_batch_size) * static_cast<double>(training_.seq_len);
    const double scores =
        static_cast<double>(model_.num_heads) * static_cast<double>(training_.seq_len);
    const std::int64_t widest = std::max(
        {3 * model_.num_heads * model_.head_dim, 2 * model_.ffn_hidden_size, model_.vocab_size});
    if (tokens * std::max(static_cast<double>(widest), scores) > most)
      add("plan.micro_batch_size", "= " + text(plan_.micro_batch_size) +
                                       " sequences of seq_len = " + text(training_.seq_len) +
                                       " make tensors larger than 2^56 elements; use fewer");
    const double vocabulary =
        static_cast<double>(traits_.vocab_divisor) * static_cast<double>(plan_.tp);
    if (vocabulary * static_cast<double>(model_.hidden_size) > most)
      add("plan.tp", "= " + text(plan_.tp) +
                         " pads the vocabulary to a multiple of vocab_divisor = " +
                         text(traits_.vocab_divisor) +
                         " times tp, beyond 2^56 parameters; use a smaller divisor");
  }

  void check_sharding() {
    if (plan_.zero_stage < 0 || plan_.zero_stage > 1)
      add("plan.zero_stage",
          "= " + text(plan_.zero_stage) +
              " cannot be lowered; use 0, or 1 (optimizer state sharded over dp)");
  }

  const Model& model_;
  const Plan& plan_;
  const Training& training_;
  const Topology& topology_;
  std::int64_t num_gpus_;
  const Traits& traits_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> check_plan(const Model& model, const Plan& plan, const Training& training,
                                const Topology& topology, std::int64_t num_gpus,
                                const Traits& traits) {
  return PlanCheck(model, plan, training, topology, num_gpus, traits).run();
}

}  // namespace stepcast
