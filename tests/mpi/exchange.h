// Something of everything that ranks say to each other, with numbers whose sums depend on the order
// of additions.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/live/fingerprint.h"
#include "kernels/live/rank_context.h"

namespace stepcast {

/// Keeps the results of all kinds of collectives, of a group and of messages.
inline int exchange(RankContext& context) {
  const auto world = context.world();
  const auto n = static_cast<std::size_t>(context.ranks());
  std::minstd_rand generator(static_cast<unsigned>(context.rank() + 1));
  for (const std::size_t part : {1u, 500u, 40'000u}) {
    std::vector<float> from(part * n), to(part * n);
    for (float& number : from) number = static_cast<float>(generator()) / 1e6f;
    const auto run = [&](CollectiveKind kind, std::size_t from_count, std::size_t to_count) {
      context.begin_operation(name_of(kind));
      world->run(kind, std::as_bytes(std::span(from).first(from_count)),
                 std::as_writable_bytes(std::span(to).first(to_count)), Element::kFp32);
      context.keep(std::as_bytes(std::span(to)));
    };
    run(CollectiveKind::kAllReduce, part, part);
    run(CollectiveKind::kAllGather, part, part * n);
    run(CollectiveKind::kReduceScatter, part * n, part);
    run(CollectiveKind::kBroadcast, part, part);
    run(CollectiveKind::kReduce, part, part);
    run(CollectiveKind::kAllToAll, part * n, part * n);
  }
  const int last = context.ranks() - 1;
  if (context.rank() == 0 || context.rank() == last) {
    const auto ends = context.communicator({0, last}, 3);
    std::vector<float> mine(100'000, static_cast<float>(context.rank())), other(mine.size());
    ends->send(1 - ends->index(), std::as_bytes(std::span(mine)));
    ends->receive(1 - ends->index(), std::as_writable_bytes(std::span(other)));
    context.keep(std::as_bytes(std::span(other)));
  }
  barrier(*world);
  return 0;
}

/// Many bytes in short.
inline std::string fingerprint(std::span<const std::byte> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return std::to_string(bytes.size()) + ":" + std::to_string(fingerprint(text));
}

}  // namespace stepcast
