#include "kernels/live/communicator.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "sim/base/error.h"

namespace stepcast {

void barrier(Communicator& communicator) {
  // A reduction to member 0 alone would let the others go early; an all-reduce lets nobody.
  std::int32_t one = 1;
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&one, 1));
  communicator.run(CollectiveKind::kAllReduce, bytes, bytes, Element::kInt32);
}

void check_agreement(Communicator& communicator, std::string_view what, std::string_view text) {
  using Text = std::array<char, 240>;
  Text mine{};
  std::copy_n(text.begin(), std::min(text.size(), mine.size()), mine.begin());
  std::vector<Text> all(static_cast<std::size_t>(communicator.size()));
  communicator.run(CollectiveKind::kAllGather, std::as_bytes(std::span(mine)),
                   std::as_writable_bytes(std::span(all)), Element::kByte);
  const auto shown = [&](std::size_t member) {
    const Text& other = all[member];
    return "member " + std::to_string(member) + " has \"" +
           std::string(other.begin(), std::find(other.begin(), other.end(), '\0')) + '"';
  };
  for (std::size_t member = 1; member < all.size(); ++member)
    if (all[member] != all[0])
      throw Error(ErrorKind::kLiveRank, "ranks do not agree on the " + std::string(what) + ": " +
                                            shown(0) + ", " + shown(member) +
                                            "; start all of them from one build and one scenario");
}

}  // namespace stepcast
