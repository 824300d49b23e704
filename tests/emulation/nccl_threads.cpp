#include <nccl.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "kernels/live/element.h"

namespace {

using Values = std::vector<std::byte>;

/// What the members of a collective gave, and what they said of it.
struct Meeting {
  std::vector<Values> gave;
  int arrived = 0, left = 0;
};

/// A communicator, as all its members see it.
struct Members {
  std::mutex mutex;
  std::condition_variable moved;
  int joined = 0;
  std::map<std::uint64_t, Meeting> meetings;                        // by number
  std::map<std::pair<int, int>, std::deque<Values>> messages = {};  // by sender and receiver

  template <typename Ready>
  bool wait(std::unique_lock<std::mutex>& lock, Ready ready) {
    return moved.wait_for(lock, std::chrono::seconds(20), ready);
  }
};

std::shared_ptr<Members> members_of(const ncclUniqueId& id) {
  static std::mutex mutex;
  static std::map<std::uint64_t, std::shared_ptr<Members>> all;
  std::uint64_t number = 0;
  std::memcpy(&number, id.internal, sizeof number);
  const std::lock_guard lock(mutex);
  std::shared_ptr<Members>& found = all[number];
  if (!found) found = std::make_shared<Members>();
  return found;
}

stepcast::Element element_of(ncclDataType_t type) {
  switch (type) {
    case ncclUint8:
      return stepcast::Element::kByte;
    case ncclInt32:
      return stepcast::Element::kInt32;
    case ncclInt64:
      return stepcast::Element::kInt64;
    case ncclFloat16:
      return stepcast::Element::kFp16;
    case ncclFloat32:
      return stepcast::Element::kFp32;
    case ncclFloat64:
      return stepcast::Element::kFp64;
    case ncclBfloat16:
      return stepcast::Element::kBf16;
  }
  return stepcast::Element::kByte;
}

std::size_t bytes_of(std::size_t count, ncclDataType_t type) {
  return count * stepcast::size_of(element_of(type));
}

}  // namespace

struct ncclComm {
  std::shared_ptr<Members> members;
  int size = 0, rank = 0;
  std::uint64_t meetings = 0;
};

namespace {

/// Gives `bytes` and calls take(what all gave) when all have come.
template <typename Take>
ncclResult_t meet(ncclComm* communicator, const void* from, std::size_t bytes, Take take) {
  Members& members = *communicator->members;
  std::unique_lock lock(members.mutex);
  const std::uint64_t number = communicator->meetings++;
  Meeting& meeting = members.meetings[number];
  meeting.gave.resize(static_cast<std::size_t>(communicator->size));
  const auto* first = static_cast<const std::byte*>(from);
  meeting.gave[static_cast<std::size_t>(communicator->rank)].assign(first, first + bytes);
  ++meeting.arrived;
  members.moved.notify_all();
  if (!members.wait(lock, [&] { return meeting.arrived == communicator->size; }))
    return ncclInternalError;
  for (const Values& values : meeting.gave)
    if (values.size() != bytes) return ncclInvalidUsage;
  take(meeting.gave);
  if (++meeting.left == communicator->size) members.meetings.erase(number);
  return ncclSuccess;
}

Values sum_of(const std::vector<Values>& gave, ncclDataType_t type, ncclRedOp_t op) {
  Values sum = gave.front();
  const auto reduce = op == ncclMax ? stepcast::ReduceOp::kMax : stepcast::ReduceOp::kSum;
  for (std::size_t i = 1; i < gave.size(); ++i)
    stepcast::combine(element_of(type), reduce, sum.data(), gave[i].data(), sum.data(),
                      sum.size() / stepcast::size_of(element_of(type)));
  return sum;
}

}  // namespace

const char* ncclGetErrorString(ncclResult_t status) {
  return status == ncclInvalidUsage ? "members differ" : "members did not come";
}
const char* ncclGetLastError(ncclComm_t /*communicator*/) { return ""; }

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static std::mutex mutex;
  static std::uint64_t next = 0;
  const std::lock_guard lock(mutex);
  *id = {};
  std::memcpy(id->internal, &++next, sizeof next);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* communicator, int members, ncclUniqueId id, int rank) {
  auto own = std::make_unique<ncclComm>(
      ncclComm{.members = members_of(id), .size = members, .rank = rank});
  std::unique_lock lock(own->members->mutex);
  ++own->members->joined;
  own->members->moved.notify_all();
  if (!own->members->wait(lock, [&] { return own->members->joined == members; }))
    return ncclInternalError;
  *communicator = own.release();
  return ncclSuccess;
}
ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  delete communicator;
  return ncclSuccess;
}
ncclResult_t ncclCommCount(ncclComm_t communicator, int* members) {
  return *members = communicator->size, ncclSuccess;
}
ncclResult_t ncclGroupStart() { return ncclSuccess; }
ncclResult_t ncclGroupEnd() { return ncclSuccess; }

ncclResult_t ncclAllReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclRedOp_t op, ncclComm_t communicator, cudaStream_t /*stream*/) {
  return meet(communicator, from, bytes_of(count, type), [&](const std::vector<Values>& gave) {
    std::ranges::copy(sum_of(gave, type, op), static_cast<std::byte*>(to));
  });
}

ncclResult_t ncclAllGather(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           ncclComm_t communicator, cudaStream_t /*stream*/) {
  return meet(communicator, from, bytes_of(count, type), [&](const std::vector<Values>& gave) {
    auto* next = static_cast<std::byte*>(to);
    for (const Values& values : gave) next = std::ranges::copy(values, next).out;
  });
}

ncclResult_t ncclReduceScatter(const void* from, void* to, std::size_t count, ncclDataType_t type,
                               ncclRedOp_t op, ncclComm_t communicator, cudaStream_t /*stream*/) {
  const std::size_t part = bytes_of(count, type);
  return meet(communicator, from, part * static_cast<std::size_t>(communicator->size),
              [&](const std::vector<Values>& gave) {
                const Values sum = sum_of(gave, type, op);
                std::memcpy(to, sum.data() + part * static_cast<std::size_t>(communicator->rank),
                            part);
              });
}

ncclResult_t ncclBroadcast(const void* from, void* to, std::size_t count, ncclDataType_t type,
                           int root, ncclComm_t communicator, cudaStream_t /*stream*/) {
  return meet(communicator, from, bytes_of(count, type), [&](const std::vector<Values>& gave) {
    std::ranges::copy(gave[static_cast<std::size_t>(root)], static_cast<std::byte*>(to));
  });
}

ncclResult_t ncclReduce(const void* from, void* to, std::size_t count, ncclDataType_t type,
                        ncclRedOp_t op, int root, ncclComm_t communicator,
                        cudaStream_t /*stream*/) {
  return meet(communicator, from, bytes_of(count, type), [&](const std::vector<Values>& gave) {
    if (communicator->rank == root)
      std::ranges::copy(sum_of(gave, type, op), static_cast<std::byte*>(to));
  });
}

ncclResult_t ncclSend(const void* from, std::size_t count, ncclDataType_t type, int to,
                      ncclComm_t communicator, cudaStream_t /*stream*/) {
  Members& members = *communicator->members;
  const auto* first = static_cast<const std::byte*>(from);
  const std::lock_guard lock(members.mutex);
  members.messages[{communicator->rank, to}].emplace_back(first, first + bytes_of(count, type));
  members.moved.notify_all();
  return ncclSuccess;
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int from,
                      ncclComm_t communicator, cudaStream_t /*stream*/) {
  Members& members = *communicator->members;
  std::unique_lock lock(members.mutex);
  std::deque<Values>& queue = members.messages[{from, communicator->rank}];
  if (!members.wait(lock, [&] { return !queue.empty(); })) return ncclInternalError;
  if (queue.front().size() != bytes_of(count, type)) return ncclInvalidUsage;
  std::ranges::copy(queue.front(), static_cast<std::byte*>(to));
  queue.pop_front();
  return ncclSuccess;
}
