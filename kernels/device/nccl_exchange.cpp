#include "kernels/device/nccl_exchange.h"

#include <algorithm>
#include <string>

#include "kernels/cuda/check.h"
#include "sim/base/error.h"

namespace stepcast {
namespace {

void check_nccl(ncclResult_t status, const CallPlace& place = CallPlace::current()) {
  if (status == ncclSuccess) return;
  const char* const detail = ncclGetLastError(nullptr);
  check_library(false, "NCCL",
                std::string(ncclGetErrorString(status)) +
                    (detail && *detail ? " (" + std::string(detail) + ")" : ""),
                place);
}

ncclDataType_t type_of(Element element) {
  switch (element) {
    case Element::kFp64:
      return ncclFloat64;
    case Element::kFp32:
      return ncclFloat32;
    case Element::kFp16:
      return ncclFloat16;
    case Element::kBf16:
      return ncclBfloat16;
    case Element::kInt64:
      return ncclInt64;
    case Element::kInt32:
      return ncclInt32;
    case Element::kByte:
      return ncclUint8;
  }
  STEPCAST_CHECK(false, "an element without a type");
}

ncclRedOp_t op_of(ReduceOp reduce) { return reduce == ReduceOp::kMax ? ncclMax : ncclSum; }

/// Part i of `from` to member i, and member i's to part i of `to`.
void all_to_all(const ExchangePart& part, ncclComm* communicator, StreamHandle stream) {
  int members = 0;
  check_nccl(ncclCommCount(communicator, &members));
  const std::size_t bytes = part.from.size() / static_cast<std::size_t>(members);
  for (int member = 0; member < members; ++member) {
    const std::size_t at = bytes * static_cast<std::size_t>(member);
    check_nccl(ncclSend(part.from.data() + at, bytes, ncclUint8, member, communicator, stream));
    check_nccl(ncclRecv(part.to.data() + at, bytes, ncclUint8, member, communicator, stream));
  }
}

ncclUniqueId new_id() {
  ncclUniqueId id;
  check_nccl(ncclGetUniqueId(&id));
  return id;
}

ncclComm* join(const ncclUniqueId& id, int members, int index) {
  ncclComm* communicator = nullptr;
  check_nccl(ncclCommInitRank(&communicator, members, id, index));
  return communicator;
}

}  // namespace

NcclExchange::NcclExchange(int own, const LiveRank& rank)
    : device_(static_cast<const CudaDevice&>(*rank.device)) {
  // All ranks in the same order, so none waits for one that waits for another group first.
  for (std::size_t role = 0; role < groups_.size(); ++role) join_group(rank, role);
  join_neighbours(own, rank);
}

std::unique_ptr<Exchange> nccl_exchange(const Job& /*job*/, const RankContext& context,
                                        const LiveRank& rank) {
  return std::make_unique<NcclExchange>(context.rank(), rank);
}

std::string nccl_version() {
  int version = 0;
  check_nccl(ncclGetVersion(&version));
  // Since 2.9 the minor has two digits (NCCL_VERSION in nccl.h).
  return std::to_string(version / 10000) + "." + std::to_string(version % 10000 / 100) + "." +
         std::to_string(version % 100);
}

void NcclExchange::join_group(const LiveRank& rank, std::size_t role) {
  stepcast::Communicator* const group = rank.groups[role].get();
  if (!group) return;
  ncclUniqueId id{};
  if (group->index() == 0) id = new_id();
  const std::span<std::byte> bytes = std::as_writable_bytes(std::span(&id, 1));
  group->run(CollectiveKind::kBroadcast, bytes, bytes, Element::kByte);
  groups_[role].reset(join(id, group->size(), group->index()));
}

/// Each rank names the pair that it makes with the next one. Of its two pairs the one of the lower
/// rank comes first, on all ranks: nobody waits in a circle, also where the last stage's next is
/// the first.
void NcclExchange::join_neighbours(int own, const LiveRank& rank) {
  std::array<ncclUniqueId, 2> with_next{}, with_previous{};
  if (rank.next != kNone) {
    with_next = {new_id(), new_id()};
    rank.world->send(static_cast<int>(rank.next), std::as_bytes(std::span(with_next)));
  }
  if (rank.previous != kNone)
    rank.world->receive(static_cast<int>(rank.previous),
                        std::as_writable_bytes(std::span(with_previous)));
  const bool next_first = rank.previous == kNone || own < static_cast<int>(rank.previous);
  if (rank.next != kNone && next_first) join_pair(with_next, 0);
  if (rank.previous != kNone) join_pair(with_previous, 1);
  if (rank.next != kNone && !next_first) join_pair(with_next, 0);
}

void NcclExchange::join_pair(const std::array<ncclUniqueId, 2>& ids, int index) {
  const Stream forward = index == 0 ? Stream::kSendNext : Stream::kRecvPrevious;
  const Stream backward = index == 0 ? Stream::kRecvNext : Stream::kSendPrevious;
  messages_[static_cast<std::size_t>(forward)].reset(join(ids[0], 2, index));
  messages_[static_cast<std::size_t>(backward)].reset(join(ids[1], 2, index));
}

void NcclExchange::collective(Stream stream, GroupRole group, CollectiveKind kind,
                              std::span<const ExchangePart> parts, Element element,
                              ReduceOp reduce) {
  ncclComm* const communicator = groups_[static_cast<std::size_t>(group)].get();
  const StreamHandle handle = device_.handle(stream);
  const ncclDataType_t type = type_of(element);
  const ncclRedOp_t op = op_of(reduce);
  check_nccl(ncclGroupStart());
  for (const auto& [from, to] : parts) {
    const std::size_t sent = from.size() / size_of(element), kept = to.size() / size_of(element);
    switch (kind) {
      case CollectiveKind::kAllReduce:
        check_nccl(ncclAllReduce(from.data(), to.data(), sent, type, op, communicator, handle));
        break;
      case CollectiveKind::kAllGather:
        check_nccl(ncclAllGather(from.data(), to.data(), sent, type, communicator, handle));
        break;
      case CollectiveKind::kReduceScatter:
        check_nccl(ncclReduceScatter(from.data(), to.data(), kept, type, op, communicator, handle));
        break;
      case CollectiveKind::kBroadcast:
        check_nccl(ncclBroadcast(from.data(), to.data(), sent, type, 0, communicator, handle));
        break;
      case CollectiveKind::kReduce:
        check_nccl(ncclReduce(from.data(), to.data(), sent, type, op, 0, communicator, handle));
        break;
      case CollectiveKind::kAllToAll:
        all_to_all({.from = from, .to = to}, communicator, handle);
        break;
      case CollectiveKind::kSendRecv:
        STEPCAST_CHECK(false, "programs say messages as such");
    }
  }
  check_nccl(ncclGroupEnd());
}

// Of a pair, the other one is the other member.
void NcclExchange::send(Stream stream, int /*to*/, std::span<const std::byte> bytes) {
  const int other = stream == Stream::kSendNext ? 1 : 0;
  check_nccl(ncclSend(bytes.data(), bytes.size(), ncclUint8, other, of(stream).get(),
                      device_.handle(stream)));
}

void NcclExchange::receive(Stream stream, int /*from*/, std::span<std::byte> bytes) {
  const int other = stream == Stream::kRecvNext ? 1 : 0;
  check_nccl(ncclRecv(bytes.data(), bytes.size(), ncclUint8, other, of(stream).get(),
                      device_.handle(stream)));
}

}  // namespace stepcast
