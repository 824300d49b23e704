// What a rank meets others in: a lane is a role of its collectives, or a direction of its messages.
// The k-th op of a lane meets the k-th op of the same lane (collectives) or of the opposite one
// (messages) on the other ranks.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "sim/program/program.h"

namespace stepcast {

enum class Lane : std::uint8_t {
  kTensor,
  kData,
  kEmbedding,
  kModel,
  kSendNext,
  kSendPrevious,
  kRecvNext,
  kRecvPrevious,
};
inline constexpr int kNumLanes = 8;

constexpr Lane lane_of(GroupRole role) { return static_cast<Lane>(role); }
constexpr bool is_message(Lane lane) { return static_cast<int>(lane) >= kNumGroupRoles; }
/// The lane of the other side: what I send to the next is received from the previous.
Lane opposite(Lane lane);
/// Nothing for ops that meet nobody.
std::optional<Lane> lane_of(const Op& op);

/// Which lanes the called blocks of a program use.
std::array<bool, kNumLanes> lanes_used(const Program& program);

/// Walks the ops of one lane in the order of issue, without expanding anything else.
class LaneCursor {
 public:
  LaneCursor(const Program& program, Lane lane);
  bool at_end() const { return call_ == program_.calls.size(); }
  const Op& op() const;
  /// "forward.chunk0 op 3 (send to next), microbatch 2"
  std::string place() const;
  void advance();

 private:
  void skip_empty_calls();
  const std::vector<std::uint32_t>& ops_of_call() const {
    return ops_[program_.calls[call_].block];
  }
  const Program& program_;
  std::vector<std::vector<std::uint32_t>> ops_;  ///< by block: indices of the lane's ops
  std::uint32_t call_ = 0;
  std::size_t at_ = 0;
};

}  // namespace stepcast
