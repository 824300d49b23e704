// How the model is cut and scheduled (Plan), what one step trains on (Training), and how the
// training software lays it out (Traits). Lowering turns the three into programs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "sim/base/json_fields.h"

namespace stepcast {

enum class Recompute : std::uint8_t {
  kNone,
  kSelective,  ///< the attention core only (Korthikanti et al. 2022)
  kFull,       ///< every layer from its input
};

/// As plans spell it.
std::string_view name_of(Recompute recompute);

/// How the layers go to the stages.
enum class StageBalance : std::uint8_t {
  kUniform,        ///< num_layers / (pp * virtual_stages) each (Megatron-LM)
  kEndsMinusOne,   ///< first and last stage hold one layer less (zero-bubble papers)
  kBalanced,       ///< lengths differ by one layer at most, the longer ones first (DeepSpeed)
  kByComputeCost,  ///< nanotron: blocks in order until the running cost reaches (k + 1) / pp
};

struct Plan {
  std::int64_t tp = 1;
  std::int64_t pp = 1;
  std::int64_t dp = 1;
  std::int64_t virtual_stages = 1;  ///< model chunks per pipeline rank (interleaved 1F1B)
  bool sequence_parallel = false;   ///< Megatron's: norms and residuals split along the sequence
  std::int64_t zero_stage = 0;      ///< 0, or 1: optimizer state sharded over dp
  std::string schedule = "one_f_one_b";  ///< a row of lowering/schedules.cpp; pp = 1: accumulation
  std::int64_t micro_batch_size = 1;     ///< sequences
  Recompute recompute = Recompute::kNone;
  bool overlap_grad_reduce = false;   ///< gradient buckets are reduced while backward goes on
  Bytes bucket_size{40'000'000 * 4};  ///< of one gradient bucket, when they overlap
  std::optional<StageBalance> stage_balance = {};  ///< instead of the stack's

  std::int64_t world_size() const { return tp * pp * dp; }
};

/// One optimizer step.
struct Training {
  std::int64_t global_batch_size = 1;  ///< sequences
  std::int64_t seq_len = 0;
  Dtype precision = Dtype::kBf16;  ///< of the matrix products; fp32 and tf32 train without a copy
  std::string optimizer = "adam";  ///< a row of model/optimizers.cpp
};

/// Structural traits of a training framework: facts that change the program. Its times are in
/// cost/stack_profile.h; scenarios/stacks/*.json holds both.
struct Traits {
  bool flash_attention = true;     ///< fused; otherwise scores are written to memory
  bool attention_dropout = false;  ///< unfused: a mask is kept for each score
  StageBalance stage_balance = StageBalance::kUniform;
  bool scatter_gather_p2p = false;    ///< boundary tensor sent in tp parts, gathered on arrival
  bool p2p_overlap = false;           ///< compute does not wait for its own sends
  bool p2p_host_wait = false;         ///< the CPU waits for each message (torch.cuda.synchronize)
  bool gathered_inputs_kept = false;  ///< sequence parallel: all-gathered inputs stay for backward
  /// Sequence parallel: other gathered tensors, inputs and gradients, lie in two buffers that are
  /// never given back (the GlobalMemoryBuffer of Megatron-LM, and of nanotron after it).
  bool gather_buffers_resident = false;
  bool tensor_overlap = false;          ///< tp collectives run beside the GEMMs they feed
  bool fp32_gradients = true;           ///< gradients accumulate in fp32 (else in the weight type)
  bool fp32_accumulation_copy = false;  ///< 16-bit gradients and fp32 accumulation both exist
  /// A weight gradient is made apart and added to the sum by a kernel (autograd); else the GEMM
  /// that makes it accumulates (Megatron-LM's gradient accumulation fusion of 2022).
  bool autograd_accumulation = false;
  bool fp32_grad_reduce = true;  ///< bytes on the wire of the gradient reduction
  /// ZeRO shares out every weight tensor by itself, in Python, when backward is over (nanotron).
  bool zero_by_tensor = false;
  bool grad_norm_clip = true;  ///< global norm over the model group, read by the host
  bool fused_bias_gelu = true, fused_norm = true;
  bool fused_loss = true;            ///< else logits are cast to fp32 by a kernel of its own
  std::int64_t vocab_divisor = 128;  ///< vocabulary is padded to this times tp
  Bytes gemm_workspace{0};  ///< of cuBLAS, when the framework's allocator holds it (PyTorch)
};

/// "tp 8, pp 4, dp 2, micro_batch_size 1, one_f_one_b, recompute full"
std::string to_text(const Plan& plan);

Plan read_plan(JsonValue value, Problems& problems);
Training read_training(JsonValue value, Problems& problems);
Traits read_traits(JsonValue value, Problems& problems);

}  // namespace stepcast
