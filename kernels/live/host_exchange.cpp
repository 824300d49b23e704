#include "kernels/live/host_exchange.h"

#include <algorithm>

namespace stepcast {

HostExchange::HostExchange(const LiveRank& rank) : device_(*rank.device), world_(*rank.world) {
  for (std::size_t role = 0; role < groups_.size(); ++role) groups_[role] = rank.groups[role].get();
}

std::span<std::byte> HostExchange::staged(Room& room, std::size_t bytes) const {
  if (room.bytes < bytes) {
    room.memory = {};  // before the new one is taken
    room.memory = device_.allocate_host(Bytes(static_cast<std::int64_t>(bytes)));
    room.bytes = bytes;
  }
  return {room.memory.get(), bytes};
}

void HostExchange::collective(Stream stream, GroupRole group, CollectiveKind kind,
                              std::span<const ExchangePart> parts, Element element,
                              ReduceOp reduce) {
  device_.wait(stream);
  Communicator& communicator = *groups_[static_cast<std::size_t>(group)];
  for (const ExchangePart& part : parts) {
    if (device_.host_memory()) {
      communicator.run(kind, part.from, part.to, element, reduce);
      continue;
    }
    const std::span<std::byte> from = staged(from_, part.from.size()),
                               to = staged(to_, part.to.size());
    device_.read(part.from.data(), from);
    communicator.run(kind, from, to, element, reduce);
    // A reduction's root alone has the result.
    if (kind != CollectiveKind::kReduce || communicator.index() == 0)
      device_.write(to, part.to.data());
  }
}

void HostExchange::send(Stream stream, int to, std::span<const std::byte> bytes) {
  device_.wait(stream);
  if (device_.host_memory()) return world_.send(to, bytes);
  const std::span<std::byte> copy = staged(from_, bytes.size());
  device_.read(bytes.data(), copy);
  world_.send(to, copy);
}

void HostExchange::receive(Stream stream, int from, std::span<std::byte> bytes) {
  device_.wait(stream);
  if (device_.host_memory()) return world_.receive(from, bytes);
  const std::span<std::byte> copy = staged(to_, bytes.size());
  world_.receive(from, copy);
  device_.write(copy, bytes.data());
}

}  // namespace stepcast
