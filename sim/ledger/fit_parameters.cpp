#include "sim/ledger/fit_parameters.h"

#include <algorithm>

namespace stepcast {
namespace {

bool always(const Scenario&) { return true; }
bool fused_attention(const Scenario& s) { return s.traits.flash_attention; }
bool unfused_attention(const Scenario& s) { return !s.traits.flash_attention; }
bool misaligned_heads(const Scenario& s) {
  return unfused_attention(s) && s.model.head_dim % 8 != 0;
}
bool pipelined(const Scenario& s) { return s.plan.pp > 1; }
bool shards_tensors(const Scenario& s) {
  return s.traits.zero_by_tensor && s.plan.zero_stage > 0 && s.plan.dp > 1;
}
bool communicates(const Scenario& s) { return s.num_gpus > 1; }
/// Tensor-parallel ranks sit side by side, so they are the ones whose every layer pays the node's
/// links.
bool inside_node(const Scenario& s) { return s.plan.tp > 1 && s.topology.node.gpus > 1; }
bool across_nodes(const Scenario& s) { return s.num_gpus > s.topology.node.gpus; }

using Stack = StackProfile;
using Network = NetworkProfile;

// Widths: a rate of a tuned library is known to 10-20 %, an implementation's traffic to 30 %, a
// CPU's issue time to a factor of two.
// clang-format off
constexpr FitParameter kTable[] = {
    {"stack.gemm_efficiency", &Stack::gemm_efficiency, 0.15, 0.3, 1.5, always, true, "GEMM rate, of the device profile's"},
    {"stack.attention_efficiency", &Stack::attention_efficiency, 0.3, 0.1, 2.0, fused_attention, true, "fused attention rate, of the device profile's"},
    {"stack.memory_efficiency", &Stack::memory_efficiency, 0.2, 0.2, 1.3, always, true, "rate of memory-bound kernels, of the device profile's"},
    {"stack.score_bytes", &Stack::score_bytes, 0.3, 4.0, 60.0, unfused_attention, true, "bytes moved per attention score, forward"},
    {"stack.score_backward_ratio", &Stack::score_backward_ratio, 0.15, 0.5, 3.0, unfused_attention, false, "the same, backward over forward"},
    {"stack.misaligned_head_factor", &Stack::misaligned_head_factor, 0.5, 1.0, 40.0, misaligned_heads, true, "time of attention products of odd head sizes"},
    {"stack.logit_bytes", &Stack::logit_bytes, 0.4, 4.0, 80.0, always, true, "bytes moved per logit in the loss"},
    {"stack.network_efficiency", &Stack::network_efficiency, 0.3, 0.05, 1.5, across_nodes, false, "bandwidth between nodes beside training, of the network profile's"},
    {"stack.issue_forward", &Stack::issue_forward, 0.7, 1e-6, 500e-6, always, true, "CPU time per kernel, forward"},
    {"stack.issue_backward", &Stack::issue_backward, 0.7, 1e-6, 500e-6, always, true, "CPU time per kernel, backward"},
    {"stack.issue_update", &Stack::issue_update, 0.7, 1e-6, 500e-6, always, false, "CPU time per optimizer kernel"},
    {"stack.issue_collective", &Stack::issue_collective, 0.7, 1e-6, 1e-3, communicates, true, "CPU time per collective"},
    {"stack.issue_p2p", &Stack::issue_p2p, 0.7, 1e-6, 2e-3, pipelined, false, "CPU time per message between stages"},
    {"stack.per_microbatch", &Stack::per_microbatch, 0.7, 1e-6, 50e-3, always, false, "CPU time of the training loop per microbatch"},
    {"stack.per_step", &Stack::per_step, 0.7, 1e-5, 1.0, always, true, "CPU time once per step"},
    {"stack.ring_step_overhead", &Stack::ring_step_overhead, 0.7, 1e-6, 1e-3, across_nodes, true, "each step of a ring between nodes, at least"},
    {"stack.per_shard", &Stack::per_shard, 0.7, 1e-7, 1e-3, shards_tensors, true, "CPU time of ZeRO per weight tensor and rank"},
    {"network.intra_efficiency", &Network::intra_efficiency, 0.15, 0.2, 1.2, inside_node, true, "ring bandwidth inside a node"},
    {"network.inter_efficiency", &Network::inter_efficiency, 0.3, 0.05, 1.5, across_nodes, true, "ring bandwidth between nodes"},
    {"network.intra_latency_factor", &Network::intra_latency_factor, 0.4, 0.2, 10.0, inside_node, false, "on every hop inside a node"},
    {"network.inter_latency_factor", &Network::inter_latency_factor, 0.7, 0.2, 40.0, across_nodes, true, "on every hop between nodes"},
    {"network.p2p_efficiency", &Network::p2p_efficiency, 0.3, 0.05, 1.2, pipelined, true, "one message between nodes, of its NIC"},
    {"network.p2p_latency_inter", &Network::p2p_latency_inter, 0.7, 1e-6, 2e-3, pipelined, false, "start of a message between nodes"},
};
// clang-format on

bool is_called(const FitParameter& parameter, std::string_view name) {
  return parameter.name == name || parameter.name.substr(parameter.name.find('.') + 1) == name;
}

const FitParameter& find_fit_parameter(std::string_view name) {
  for (const FitParameter& parameter : kTable)
    if (is_called(parameter, name)) return parameter;
  std::string known;
  for (const FitParameter& parameter : kTable) known += " " + std::string(parameter.name);
  throw Error(ErrorKind::kInput,
              "no parameter called \"" + std::string(name) + "\" can be fitted; known:" + known);
}

}  // namespace

std::span<const FitParameter> fit_parameter_table() { return kTable; }

std::vector<const FitParameter*> find_fit_parameters(std::span<const std::string> names) {
  std::vector<const FitParameter*> found;
  for (const std::string& name : names) {
    const FitParameter* parameter = &find_fit_parameter(name);
    if (std::find(found.begin(), found.end(), parameter) != found.end())
      throw Error(ErrorKind::kInput, "parameter \"" + name + "\" is named twice");
    found.push_back(parameter);
  }
  return found;
}

std::vector<const FitParameter*> default_fit_parameters(const std::vector<const Scenario*>& rows) {
  std::vector<const FitParameter*> chosen;
  for (const FitParameter& parameter : kTable) {
    const bool matters = std::any_of(rows.begin(), rows.end(), [&](const Scenario* row) {
      return parameter.matters(*row) && value_of(parameter, row->stack, row->network_profile) > 0;
    });
    if (parameter.by_default && matters) chosen.push_back(&parameter);
  }
  return chosen;
}

double value_of(const FitParameter& parameter, const StackProfile& stack,
                const NetworkProfile& network) {
  switch (parameter.field.index()) {
    case 0:
      return stack.*std::get<0>(parameter.field);
    case 1:
      return (stack.*std::get<1>(parameter.field)).value();
    case 2:
      return network.*std::get<2>(parameter.field);
    default:
      return (network.*std::get<3>(parameter.field)).value();
  }
}

void set_value(const FitParameter& parameter, double value, StackProfile& stack,
               NetworkProfile& network) {
  switch (parameter.field.index()) {
    case 0:
      stack.*std::get<0>(parameter.field) = value;
      break;
    case 1:
      stack.*std::get<1>(parameter.field) = Seconds(value);
      break;
    case 2:
      network.*std::get<2>(parameter.field) = value;
      break;
    default:
      network.*std::get<3>(parameter.field) = Seconds(value);
  }
}

}  // namespace stepcast
