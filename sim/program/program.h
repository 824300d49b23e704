// The program of one rank: what it computes, sends and keeps during one training step. Lowering
// writes it, the verifier proves it sound, and then two interpreters read it: the engine (simulated
// time) and the live executor (real buffers). All parallelism has been decided when a Program
// exists.
//
// A step repeats the same work for every microbatch, so a program is a list of blocks
// (straight-line ops, written once: "forward of chunk 0") and a list of calls (which block, for
// which microbatch, in the order in which the CPU issues them). Expanding the calls gives the flat
// program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "sim/base/dtype.h"
#include "sim/base/quantity.h"
#include "sim/collective/kind.h"
#include "sim/compute/kernels.h"
#include "sim/compute/layout.h"
#include "sim/compute/operands.h"
#include "sim/compute/weight_shape.h"

namespace stepcast {

using BufferId = std::uint32_t;
using EventId = std::uint32_t;
using BlockId = std::uint32_t;
inline constexpr std::uint32_t kNone = 0xffffffffu;

/// GPU streams of a rank. Ops of one stream run in the order of issue; streams run beside each
/// other. Each communicator direction has a stream of its own, as NCCL communicators do.
enum class Stream : std::uint8_t {
  kCompute,
  kTensor,        ///< tensor-parallel collectives
  kData,          ///< gradient and parameter collectives over data-parallel ranks
  kEmbedding,     ///< tied-embedding gradients between first and last stage
  kSendNext,      ///< activations to the next pipeline stage
  kRecvPrevious,  ///< activations from the previous stage
  kSendPrevious,  ///< gradients to the previous stage
  kRecvNext,      ///< gradients from the next stage
};
inline constexpr int kNumStreams = 8;

/// Communicators by the role they play for a rank; Job says which ranks they hold.
enum class GroupRole : std::uint8_t {
  kTensor,     ///< the tp ranks of one stage and replica
  kData,       ///< the dp replicas of one shard
  kEmbedding,  ///< first and last pipeline stage, when embeddings are tied
  kModel,      ///< all ranks of one replica (tp x pp): gradient norm, overflow check
};
inline constexpr int kNumGroupRoles = 4;

/// Neighbours along the pipeline (a ring: the next of the last stage is the first).
enum class Peer : std::uint8_t { kNext, kPrevious };

enum class BufferCategory : std::uint8_t {
  kParameters,
  kGradients,
  kOptimizerState,
  kActivations,
  kWorkspace,      ///< lives inside one call: logits, temporary gradients
  kCommunication,  ///< receive buffers, gathered tensors, gradient buckets
};
inline constexpr int kNumBufferCategories = 6;

/// How many instances a buffer or an event has. A resident buffer's are never allocated or freed by
/// an op.
enum class Scope : std::uint8_t {
  kStep,        ///< one, for the whole step
  kMicrobatch,  ///< one for each microbatch: the instance is chosen by the call's microbatch
};

/// What a resident buffer holds when a step begins. (Any other buffer holds nothing when it is
/// allocated.)
enum class AtStart : std::uint8_t {
  kNothing,
  kKept,  ///< what the step before left: weights (at first: Program::weights), optimizer state (at
          ///< first: zeros; the fp32 copy of 16-bit weights: the weights)
  kZero,  ///< sums: gradients, the loss
  kTokens,  ///< token ids of a microbatch, see Batch
  kLabels,  ///< the tokens that follow them
};

struct Buffer {
  std::string name;  ///< "layer3.attention.qkv"
  Bytes size;        ///< of one instance
  Dtype dtype{};     ///< of the elements; token ids are 32-bit integers, and say fp32
  BufferCategory category{};
  Scope scope{};
  bool resident = false;  ///< alive from before the first call to after the last
  AtStart at_start = AtStart::kNothing;
};

/// The part of a buffer that an op touches. Offsets and strides count elements of the buffer's
/// dtype. A default View touches nothing.
struct View {
  BufferId buffer = kNone;
  Layout layout;
  /// Of the elements in `layout`, taken as one row, only the equal part that belongs to this rank
  /// by its index in the group (all of them where it has no such group).
  std::optional<GroupRole> own_part = {};
  /// Nothing, but on the first rank of the group: what all ranks hold alike counts once.
  std::optional<GroupRole> first_only = {};

  bool operator==(const View&) const = default;
};

struct Operand {
  View view;
  Access access{};
  bool add = false;  ///< the result is added to what is there
};

/// A mark on a stream, as a CUDA event: it is reached when the op that signals it has ended. A wait
/// refers to the latest signal issued before it, in the order of calls.
struct Event {
  std::string name;
  Scope scope{};
};

struct Compute {
  Kernel kernel;
  std::vector<Operand> operands = {};  ///< in the order of signature_of(kernel.kind)
  KernelArguments arguments = {};
  /// The kernel needs this rank's index in the group: which rows of the vocabulary it holds
  /// (embedding, cross entropy), or which tokens of the microbatch (positions).
  std::optional<GroupRole> index_in = {};
};

/// What one rank gives and takes; both contiguous, or empty where they have no buffer.
struct CollectivePart {
  View from, to;
};

struct Collective {
  CollectiveKind kind{};
  GroupRole group{};
  Bytes size;  ///< nccl-tests' "size": per-rank buffer of all_reduce, the concatenated one of
               ///< all_gather and reduce_scatter
  Dtype dtype{};
  ReduceOp reduce = ReduceOp::kSum;
  /// Each is a collective of its own, and all are launched as one (ncclGroupStart); their sizes add
  /// up to `size`. In place where `from` and `to` are the same memory.
  std::vector<CollectivePart> parts = {};
};

/// A point-to-point message meets the k-th message of the same direction on the other side. `tag`
/// is the index of the boundary (model chunk), so that the verifier can pair them.
struct Send {
  Peer peer{};
  Bytes size;
  std::uint32_t tag = 0;
  BufferId buffer = kNone;
  /// Of the buffer, this rank's part by its index in the group; all of it without.
  std::optional<GroupRole> own_part = {};
};
struct Recv {
  Peer peer{};
  Bytes size;
  std::uint32_t tag = 0;
  BufferId buffer = kNone;
};

/// Memory is taken and given back in the order of issue, as a stream-ordered caching allocator
/// does.
struct Alloc {
  BufferId buffer = kNone;
};
struct Free {
  BufferId buffer = kNone;
};

/// The CPU waits here until everything issued so far on `stream` has ended (torch.cuda.synchronize,
/// .item()): it can't run ahead of the GPU past this point.
struct HostWait {};

/// The CPU is busy for a while with work that launches nothing (data loading, Python of the
/// training loop). How long is the cost room's answer to `what`.
enum class HostTask : std::uint8_t {
  kMicrobatch,
  kStep,
  kShard,  ///< one weight tensor's slice for one rank
};
inline constexpr int kNumHostTasks = 3;
struct HostWork {
  HostTask what{};
  std::uint32_t times = 1;
};

using What = std::variant<Compute, Collective, Send, Recv, Alloc, Free, HostWait, HostWork>;

enum class Phase : std::uint8_t {
  kForward,
  kBackward,
  kRecompute,
  kGradientSync,
  kOptimizer,
  kOther
};

/// For reports only; no interpreter decides anything by it.
struct Origin {
  Phase phase{};
  std::int16_t layer = -1;  ///< index in the model; -1: not of a layer
};

struct Op {
  Stream stream{};
  EventId signals = kNone;         ///< reached when this op has ended
  std::vector<EventId> waits_for;  ///< events of other streams that are reached first
  What what;
  Origin origin;
};

struct Block {
  std::string name;  ///< "forward.chunk0"
  std::vector<Op> ops;
};

struct Call {
  BlockId block = 0;
  std::uint32_t microbatch = 0;
};

/// A weight tensor and its gradient: this rank's shard of a tensor of the model.
struct WeightTensor {
  std::string name;  ///< "layer3.attention.qkv.weight"; a tied tensor has it on both stages
  BufferId parameters = kNone;
  BufferId gradients = kNone;
  std::int64_t offset = 0;  ///< in elements, in either buffer
  WeightShape shape;
  /// Another rank's program holds the same tensor and counts it in the gradient norm.
  bool counted_elsewhere = false;
};

/// Which sequences of the global batch a rank trains on: microbatch k of the rank with index d of n
/// in `over` has sequences (k * n + d) * sequences and the ones after it, as Megatron-LM's sampler.
struct Batch {
  std::int64_t sequences = 0;  ///< of a microbatch
  std::int64_t tokens = 0;     ///< of a sequence
  GroupRole over = GroupRole::kData;
};

struct Program {
  std::string name;  ///< "stage 3 of 8"
  /// Which of the cluster's devices runs it (split_by_device.h); 0 where all are alike.
  std::uint32_t device = 0;
  std::uint32_t num_microbatches = 1;
  std::vector<Buffer> buffers;
  std::vector<Event> events;
  std::vector<Block> blocks;
  std::vector<Call> calls;
  std::vector<WeightTensor> weights;
  Batch batch = {};
  BufferId loss = kNone;  ///< fp32: this rank's share of the mean loss, on the stage of the head
  BufferId gradient_norm = kNone;  ///< fp32: sum of squares, where the program computes it
  /// Why the program can be timed but not run for real, since its operands don't say enough; empty
  /// when it can.
  std::string timing_only = "built without operands";
};

}  // namespace stepcast
