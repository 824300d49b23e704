#include "kernels/live/communicator.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {
namespace {

bool on_one_host(std::span<const SaidByRank> by_rank) {
  return std::ranges::all_of(
      by_rank, [&](const SaidByRank& rank) { return rank.host == by_rank.front().host; });
}

/// "ranks 0, 2 have", or "ranks 0 on a, 2 on b have".
std::string with_this_text(std::span<const SaidByRank> by_rank, const std::string& text) {
  const bool one_host = on_one_host(by_rank);
  std::string ranks;
  int count = 0;
  for (std::size_t rank = 0; rank < by_rank.size(); ++rank) {
    if (by_rank[rank].text != text) continue;
    ranks += (++count > 1 ? ", " : "") + std::to_string(rank) +
             (one_host ? "" : " on " + by_rank[rank].host);
  }
  return (count > 1 ? "ranks " : "rank ") + ranks + (count > 1 ? " have" : " has");
}

}  // namespace

void barrier(Communicator& communicator) {
  // So few bytes are gathered in one step: whom it lets go owes nothing to the others. (In an
  // all-reduce, a member that is let go early computes on the core on which another one should pass
  // the word on.)
  const std::byte word{};
  std::vector<std::byte> words(static_cast<std::size_t>(communicator.size()));
  communicator.run(CollectiveKind::kAllGather, std::span(&word, 1), words, Element::kByte);
}

std::vector<std::string> gather(Communicator& world, std::string_view text) {
  const std::int64_t mine = std::ssize(text);
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(world.size()));
  world.run(CollectiveKind::kAllGather, std::as_bytes(std::span(&mine, 1)),
            std::as_writable_bytes(std::span(lengths)), Element::kInt64);
  const auto room = static_cast<std::size_t>(std::ranges::max(lengths));
  std::string own(text), all(room * lengths.size(), '\0');
  own.resize(room);
  world.run(CollectiveKind::kAllGather, std::as_bytes(std::span(own)),
            std::as_writable_bytes(std::span(all)), Element::kByte);
  std::vector<std::string> texts;
  for (std::size_t rank = 0; rank < lengths.size(); ++rank)
    texts.push_back(all.substr(rank * room, static_cast<std::size_t>(lengths[rank])));
  return texts;
}

std::string differences(std::span<const SaidByRank> by_rank) {
  std::vector<std::string> texts;
  for (const SaidByRank& rank : by_rank)
    if (std::ranges::find(texts, rank.text) == texts.end()) texts.push_back(rank.text);
  if (texts.size() < 2) return "";
  std::string message;
  for (const std::string& text : texts)
    message += (message.empty() ? "" : ", ") + with_this_text(by_rank, text) + " \"" + text + '"';
  return message + (on_one_host(by_rank) ? " (all on " + by_rank.front().host + ")" : "");
}

void require_agreement(std::string_view what, std::span<const SaidByRank> by_rank) {
  if (const std::string differ = differences(by_rank); !differ.empty())
    throw Error(ErrorKind::kLiveRank, "ranks do not agree on the " + std::string(what) + ": " +
                                          differ + "; start all of them in one way");
}

}  // namespace stepcast
