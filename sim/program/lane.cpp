#include "sim/program/lane.h"

#include "sim/program/op_text.h"

namespace stepcast {

Lane opposite(Lane lane) {
  switch (lane) {
    case Lane::kSendNext:
      return Lane::kRecvPrevious;
    case Lane::kSendPrevious:
      return Lane::kRecvNext;
    case Lane::kRecvNext:
      return Lane::kSendPrevious;
    case Lane::kRecvPrevious:
      return Lane::kSendNext;
    case Lane::kTensor:
    case Lane::kData:
    case Lane::kEmbedding:
    case Lane::kModel:
      break;
  }
  return lane;
}

std::optional<Lane> lane_of(const Op& op) {
  if (const Collective* collective = std::get_if<Collective>(&op.what))
    return lane_of(collective->group);
  if (const Send* send = std::get_if<Send>(&op.what))
    return send->peer == Peer::kNext ? Lane::kSendNext : Lane::kSendPrevious;
  if (const Recv* recv = std::get_if<Recv>(&op.what))
    return recv->peer == Peer::kNext ? Lane::kRecvNext : Lane::kRecvPrevious;
  return std::nullopt;
}

std::array<bool, kNumLanes> lanes_used(const Program& program) {
  std::vector<bool> called(program.blocks.size());
  for (const Call& call : program.calls) called[call.block] = true;
  std::array<bool, kNumLanes> used{};
  for (std::size_t block = 0; block < program.blocks.size(); ++block)
    for (const Op& op : program.blocks[block].ops)
      if (const auto lane = lane_of(op); lane && called[block])
        used[static_cast<int>(*lane)] = true;
  return used;
}

LaneCursor::LaneCursor(const Program& program, Lane lane)
    : program_(program), ops_(program.blocks.size()) {
  for (std::size_t block = 0; block < ops_.size(); ++block)
    for (std::uint32_t op = 0; op < program.blocks[block].ops.size(); ++op)
      if (lane_of(program.blocks[block].ops[op]) == lane) ops_[block].push_back(op);
  skip_empty_calls();
}

const Op& LaneCursor::op() const {
  return program_.blocks[program_.calls[call_].block].ops[ops_of_call()[at_]];
}

std::string LaneCursor::place() const { return place_of(program_, call_, ops_of_call()[at_]); }

void LaneCursor::advance() {
  ++at_;
  if (at_ < ops_of_call().size()) return;
  at_ = 0;
  ++call_;
  skip_empty_calls();
}

void LaneCursor::skip_empty_calls() {
  while (!at_end() && ops_of_call().empty()) ++call_;
}

}  // namespace stepcast
