// Between runs ranks do different things for different times: files, the driver of a GPU. They meet
// before each run and at the end, each with a word on how it is, and a rank that can't go on comes
// to the next meeting with that. So nobody waits for a rank that never comes, and what is wrong on
// all of them is said once.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {

/// What a rank says when it meets the others.
struct RankWord {
  enum class State : std::uint8_t { kGoesOn, kDone, kFailed };
  State state = State::kGoesOn;
  ErrorKind kind = ErrorKind::kLiveRank;  ///< of a rank that failed
  std::string host = {}, why = {};        ///< likewise
};

/// How all ranks end once one has failed: what is said, and the exit code.
struct RanksEnd {
  std::string text;
  ErrorKind kind = ErrorKind::kLiveRank;
};

/// Of the words of all ranks, by rank; nothing when none has failed.
///
/// What failed in the same way on all ranks, or on rank 0 when the others were done, is said as it
/// is on one machine. Else each reason is said with its ranks and hosts. The exit code is that of
/// the reason when no rank would have gone on and all give the same, else that of
/// ErrorKind::kLiveRank.
std::optional<RanksEnd> end_of(std::span<const RankWord> words);

/// All ranks of MPI_COMM_WORLD say a word and know what all said, by rank. Waits for them without
/// end, as ranks between runs may: who is killed or stopped ends the others (rank_watch.h).
std::vector<RankWord> meet_all(const RankWord& mine);

}  // namespace stepcast
