// What a training framework adds to the kernels: how long its CPU side takes to issue work, and how
// far its kernels are from the device profile's. One file per framework (scenarios/stacks/*.json);
// its structural traits, which change the program, are plan/plan.h's Traits and stand in the same
// file.
#pragma once

#include <string>
#include <vector>

#include "sim/base/json_fields.h"
#include "sim/base/json_writer.h"
#include "sim/base/quantity.h"

namespace stepcast {

/// Every number is physical, bounded (read_stack_profile states the bounds), and may be fitted by
/// `stepcast fit` under the name of its field.
struct StackProfile {
  std::string name;
  Grade grade = Grade::kAssumed;
  /// Who wrote its attention and memory-bound kernels, where a device profile may have points of
  /// them ("stepcast": the live executor's); empty: not said.
  std::string kernel_library;
  /// Where its figures were fitted: generations of device, and precisions. Empty: not said.
  std::vector<std::string> fitted_generations;
  std::vector<Dtype> fitted_precisions;
  /// Whose fused attention it runs, by the names that device profiles have for it ("FA2", "FA3",
  /// "cuDNN"); empty: not said, the first of the device profile.
  std::string attention_implementation;
  double gemm_efficiency = 1.0;       ///< of the device profile's sustained GEMM rate
  double attention_efficiency = 1.0;  ///< of the device profile's flash-attention rate
  double memory_efficiency = 1.0;     ///< of the device profile's rate of memory-bound kernels
  /// Of the network profile's bandwidth between nodes, which is that of a benchmark of collectives
  /// alone. In training their ranks come late and their copies share SMs and memory with kernels.
  double network_efficiency = 1.0;
  double score_bytes = 12.0;             ///< bytes moved per attention score, forward, unfused
  double score_backward_ratio = 1.2;     ///< backward over forward of the same
  double misaligned_head_factor = 10.0;  ///< time of attention products when head_dim % 8 != 0
  double logit_bytes = 16.0;        ///< bytes moved per logit in the loss, forward (backward alike)
  Seconds issue_forward{20e-6};     ///< CPU time per kernel issued in forward
  Seconds issue_backward{20e-6};    ///< the same in backward (autograd's thread)
  Seconds issue_update{10e-6};      ///< per optimizer kernel
  Seconds issue_collective{40e-6};  ///< extra CPU time per collective
  Seconds issue_p2p{40e-6};         ///< per send or receive
  Seconds per_microbatch{0.5e-3};   ///< training loop, data
  Seconds per_step{10e-3};          ///< once per step: logging, scheduler, loss scaling
  Seconds ring_step_overhead{0};    ///< as in network_profile.h, beside training
  Seconds per_shard{0};             ///< per weight tensor and rank, where ZeRO shares out tensors
  // What a transfer takes of the GPU while its bytes move; kernels of the rank that run at that
  // time slow down accordingly. NCCL holds one SM per channel. Zero: kernels notice nothing.
  double collective_sms = 0;           ///< SMs that a collective holds
  double p2p_sms = 0;                  ///< SMs that a send or a receive holds
  double collective_memory_share = 0;  ///< of the memory bandwidth, that a collective uses
  double relative_sigma = 0.1;         ///< uncertainty left after fitting

  // Memory that no buffer of the program shows.
  Bytes context_memory{0};     ///< CUDA context, libraries, NCCL communicators
  double fragmentation = 1.0;  ///< reserved by the allocator / needed, of non-static memory
};

/// Reads the "costs" of a stack file. Mistakes go to `problems`; the result is to be used only when
/// there are none.
StackProfile read_stack_profile(JsonValue value, Problems& problems);

/// Writes the same object, every field of it; `source` says where the figures come from.
void write_stack_profile(JsonWriter& json, const StackProfile& profile, const std::string& source);

}  // namespace stepcast
