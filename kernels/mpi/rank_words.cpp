#include "kernels/mpi/rank_words.h"

#include <mpi.h>

#include <algorithm>
#include <array>
#include <map>
#include <numeric>

namespace stepcast {
namespace {

using State = RankWord::State;

/// Reasons in the order of the lowest ranks that give them, each behind its ranks and hosts.
std::string named(std::span<const RankWord> words) {
  std::vector<std::string> reasons;
  std::map<std::string, std::string> ranks;  // by reason
  for (std::size_t rank = 0; rank < words.size(); ++rank) {
    const RankWord& word = words[rank];
    if (word.state != State::kFailed) continue;
    std::string& of_reason = ranks[word.why];
    if (of_reason.empty()) reasons.push_back(word.why);
    of_reason +=
        (of_reason.empty() ? "" : ", ") + ("rank " + std::to_string(rank)) + " on " + word.host;
  }
  std::string text;
  for (const std::string& why : reasons)
    text += (text.empty() ? "" : "\n") + ranks[why] + " failed: " + why;
  return text;
}

/// State, kind, and bytes of the host and the reason.
using Head = std::array<std::int32_t, 4>;

Head head_of(const RankWord& word) {
  return {static_cast<std::int32_t>(word.state), static_cast<std::int32_t>(word.kind),
          static_cast<std::int32_t>(word.host.size()), static_cast<std::int32_t>(word.why.size())};
}

}  // namespace

std::optional<RanksEnd> end_of(std::span<const RankWord> words) {
  const auto is = [](State state) {
    return [state](const RankWord& word) { return word.state == state; };
  };
  const auto first = std::ranges::find_if(words, is(State::kFailed));
  if (first == words.end()) return std::nullopt;
  const auto failed_alike = [&](const RankWord& word) {
    return word.state != State::kFailed || word.kind == first->kind;
  };
  const bool one_kind =
      std::ranges::none_of(words, is(State::kGoesOn)) && std::ranges::all_of(words, failed_alike);
  const ErrorKind kind = one_kind ? first->kind : ErrorKind::kLiveRank;
  const bool shared = std::ranges::all_of(words, [&](const RankWord& word) {
    return word.state == State::kFailed && word.why == first->why;
  });
  const bool of_who_speaks =
      first == words.begin() && std::ranges::all_of(words.subspan(1), is(State::kDone));
  return RanksEnd{.text = shared || of_who_speaks ? first->why : named(words), .kind = kind};
}

/// MPI_COMM_WORLD's errors end the process.
std::vector<RankWord> meet_all(const RankWord& mine) {
  int ranks = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  const Head head = head_of(mine);
  std::vector<Head> heads(static_cast<std::size_t>(ranks));
  MPI_Allgather(head.data(), 4, MPI_INT32_T, heads.data(), 4, MPI_INT32_T, MPI_COMM_WORLD);
  std::vector<int> lengths, begins(heads.size());
  for (const Head& each : heads) lengths.push_back(each[2] + each[3]);
  std::exclusive_scan(lengths.begin(), lengths.end(), begins.begin(), 0);
  const std::string text = mine.host + mine.why;
  std::string all(static_cast<std::size_t>(begins.back() + lengths.back()), '\0');
  MPI_Allgatherv(text.data(), static_cast<int>(text.size()), MPI_CHAR, all.data(), lengths.data(),
                 begins.data(), MPI_CHAR, MPI_COMM_WORLD);
  std::vector<RankWord> words;
  for (std::size_t rank = 0; rank < heads.size(); ++rank) {
    const auto [state, kind, host, why] = heads[rank];
    const auto begin = static_cast<std::size_t>(begins[rank]),
               of_host = static_cast<std::size_t>(host);
    words.push_back({.state = static_cast<State>(state),
                     .kind = static_cast<ErrorKind>(kind),
                     .host = all.substr(begin, of_host),
                     .why = all.substr(begin + of_host, static_cast<std::size_t>(why))});
  }
  return words;
}

}  // namespace stepcast
