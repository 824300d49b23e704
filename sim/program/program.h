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
#include <string>
#include <variant>
#include <vector>

#include "sim/base/dtype.h"
#include "sim/base/quantity.h"
#include "sim/collective/kind.h"
#include "sim/compute/kernels.h"

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

/// How many instances a buffer or an event has.
enum class Scope : std::uint8_t {
  kStep,        ///< one, for the whole step; a resident buffer is never allocated or freed by an op
  kMicrobatch,  ///< one for each microbatch: the instance is chosen by the call's microbatch
};

struct Buffer {
  std::string name;  ///< "layer3.attention.qkv"
  Bytes size;        ///< of one instance
  Dtype dtype{};
  BufferCategory category{};
  Scope scope{};
  bool resident = false;  ///< alive from before the first call to after the last
};

/// A mark on a stream, as a CUDA event: it is reached when the op that signals it has ended. A wait
/// refers to the latest signal issued before it, in the order of calls.
struct Event {
  std::string name;
  Scope scope{};
};

struct Compute {
  Kernel kernel;
  std::vector<BufferId> reads;
  std::vector<BufferId> writes;
};

struct Collective {
  CollectiveKind kind{};
  GroupRole group{};
  Bytes size;  ///< nccl-tests' "size": per-rank buffer of all_reduce, the concatenated one of
               ///< all_gather and reduce_scatter
  Dtype dtype{};
  std::vector<BufferId> reads;
  std::vector<BufferId> writes;
};

/// A point-to-point message meets the k-th message of the same direction on the other side. `tag`
/// is the index of the boundary (model chunk), so that the verifier can pair them.
struct Send {
  Peer peer{};
  Bytes size;
  std::uint32_t tag = 0;
  BufferId buffer = kNone;
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

struct Program {
  std::string name;  ///< "stage 3 of 8"
  std::uint32_t num_microbatches = 1;
  std::vector<Buffer> buffers;
  std::vector<Event> events;
  std::vector<Block> blocks;
  std::vector<Call> calls;
};

}  // namespace stepcast
