#include "kernels/live/communicator.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {
namespace {

/// "ranks 0, 2 have".
template <typename Text>
std::string with_this_text(const std::vector<Text>& texts, const Text& text) {
  std::string ranks;
  for (std::size_t rank = 0; rank < texts.size(); ++rank)
    if (texts[rank] == text) ranks += (ranks.empty() ? "" : ", ") + std::to_string(rank);
  const bool several = ranks.find(',') != std::string::npos;
  return (several ? "ranks " : "rank ") + ranks + (several ? " have" : " has");
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

void check_agreement(Communicator& world, std::string_view what, std::string_view text) {
  using Text = std::array<char, 240>;
  Text mine{};
  std::copy_n(text.begin(), std::min(text.size(), mine.size()), mine.begin());
  std::vector<Text> all(static_cast<std::size_t>(world.size()));
  world.run(CollectiveKind::kAllGather, std::as_bytes(std::span(mine)),
            std::as_writable_bytes(std::span(all)), Element::kByte);
  if (std::ranges::count(all, all[0]) == std::ssize(all)) return;
  std::string message = "ranks do not agree on the " + std::string(what) + ": ";
  for (auto first = all.begin(); first != all.end(); ++first) {
    if (std::find(all.begin(), first, *first) != first) continue;
    if (first != all.begin()) message += ", ";
    message += with_this_text(all, *first) + " \"" +
               std::string(first->begin(), std::find(first->begin(), first->end(), '\0')) + '"';
  }
  throw Error(ErrorKind::kLiveRank, message + "; start all of them in one way");
}

}  // namespace stepcast
