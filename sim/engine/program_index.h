// What can be said of a program before any time is known: which signal each wait refers to, and
// which transfer of its channel each collective or message is. Made once per program; all times are
// per rank class.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

/// What a channel (a communicator or a direction between pipeline neighbours) is to a rank.
enum class Port : std::uint8_t {
  kTensor,  ///< the first four in the order of GroupRole
  kData,
  kEmbedding,
  kModel,
  kSendNext,
  kRecvPrevious,
  kSendPrevious,
  kRecvNext,
};
inline constexpr int kNumPorts = 8;
inline constexpr Port kNoPort = static_cast<Port>(kNumPorts);

/// Where a collective, send or receive goes to; nothing for other ops.
std::optional<Port> port_of(const What& what);

/// Kernels, collectives and messages.
bool takes_time(const What& what);

/// Whether later ops of its stream, or of others, may have to wait for this one: it takes time, or
/// it waits or signals. A free that waits for a send holds its stream until the send has ended.
bool orders_streams(const Op& op);

/// The ops of a block that matter for order among streams, by position: transfers, host waits, and
/// what waits or signals. Plain kernels, by far the most, are left out.
std::vector<std::uint32_t> ordering_ops(const Block& block);

/// A transfer that a channel may be asked for: equal values have equal times on equal channels.
struct TransferKey {
  bool message = false;
  CollectiveKind kind{};  ///< of a collective
  Bytes size;
  Dtype dtype{};  ///< of a collective
  bool operator==(const TransferKey&) const = default;
};
TransferKey transfer_of(const Collective& collective);
TransferKey transfer_of(const Send& send);
TransferKey transfer_of(const Recv& recv);

/// Ops of a block by their positions.
struct BlockIndex {
  struct OpIndex {
    std::uint32_t signal = kNone;  ///< number of its signal among the block's
    std::uint32_t first_wait = 0;  ///< number of its first wait among the block's
    std::uint32_t ordinal = 0;     ///< number of its transfer among the block's of that port
    Port port = kNoPort;           ///< of a transfer
    bool orders_streams = false;
  };
  std::vector<OpIndex> ops;
  std::uint32_t num_signals = 0, num_waits = 0;
  std::array<std::uint32_t, kNumPorts> uses{};  ///< transfers by port
};

class ProgramIndex {
 public:
  /// The program must be verified.
  explicit ProgramIndex(const Program& program);

  const BlockIndex& block(BlockId id) const { return blocks_[id]; }
  /// Slots are signals in the order of issue, over the whole step.
  std::uint32_t num_slots() const { return num_slots_; }
  std::uint32_t signal_slot(std::uint32_t call, std::uint32_t signal) const {
    return calls_[call].first_signal + signal;
  }
  /// Slot of the signal that a wait refers to; kNone when there was none before it.
  std::uint32_t awaited_slot(std::uint32_t call, std::uint32_t wait) const {
    return awaited_[calls_[call].first_wait + wait];
  }
  /// Number of a transfer among all of the step on its port: the k-th meets the k-th of the others.
  std::uint32_t ordinal(std::uint32_t call, Port port, std::uint32_t in_block) const {
    return calls_[call].first_use[static_cast<int>(port)] + in_block;
  }
  std::uint32_t uses(Port port) const { return uses_[static_cast<int>(port)]; }

 private:
  struct CallIndex {
    std::uint32_t first_signal = 0, first_wait = 0;
    std::array<std::uint32_t, kNumPorts> first_use{};
  };
  std::vector<BlockIndex> blocks_;
  std::vector<CallIndex> calls_;
  std::vector<std::uint32_t> awaited_;
  std::array<std::uint32_t, kNumPorts> uses_{};
  std::uint32_t num_slots_ = 0;
};

}  // namespace stepcast
