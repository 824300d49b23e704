#include <nccl.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "kernels/live/element.h"

namespace fs = std::filesystem;

struct ncclComm {
  fs::path folder;  ///< where its members leave files for each other
  int size = 0, rank = 0;
  std::uint64_t meetings = 0;
  std::map<std::pair<int, int>, std::uint64_t> messages = {};  ///< by sender and receiver
};

namespace {

using Values = std::vector<std::byte>;

/// For a rank that is gone; others may be late on a busy machine.
constexpr std::chrono::seconds kLongestWait{120};

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

// ---- files: whoever sees one sees all of it ----

void put(const fs::path& file, const void* from, std::size_t bytes) {
  fs::path unfinished = file;
  unfinished += ".unfinished";
  std::ofstream(unfinished, std::ios::binary)
      .write(static_cast<const char*>(from), static_cast<std::streamsize>(bytes));
  fs::rename(unfinished, file);
}

bool wait_for(const fs::path& file) {
  const auto end = std::chrono::steady_clock::now() + kLongestWait;
  std::error_code ignored;
  while (!fs::exists(file, ignored)) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return true;
}

/// Waits for it; another number of bytes means that members are in different operations.
ncclResult_t get(const fs::path& file, void* to, std::size_t bytes) {
  if (!wait_for(file)) return ncclInternalError;
  if (fs::file_size(file) != bytes) return ncclInvalidUsage;
  std::ifstream(file, std::ios::binary)
      .read(static_cast<char*>(to), static_cast<std::streamsize>(bytes));
  return ncclSuccess;
}

fs::path given(const ncclComm& communicator, std::uint64_t meeting, int member) {
  return communicator.folder /
         ("meeting-" + std::to_string(meeting) + "-" + std::to_string(member));
}

/// Gives `bytes` and calls take(what all gave) when all have come. They all have taken what was
/// given at the meeting before by then.
template <typename Take>
ncclResult_t meet(ncclComm* communicator, const void* from, std::size_t bytes, Take take) {
  const std::uint64_t meeting = ++communicator->meetings;
  put(given(*communicator, meeting, communicator->rank), from, bytes);
  std::vector<Values> gave(static_cast<std::size_t>(communicator->size), Values(bytes));
  for (int member = 0; member < communicator->size; ++member)
    if (const ncclResult_t status = get(given(*communicator, meeting, member),
                                        gave[static_cast<std::size_t>(member)].data(), bytes);
        status != ncclSuccess)
      return status;
  fs::remove(given(*communicator, meeting - 1, communicator->rank));
  take(gave);
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

fs::path message(ncclComm& communicator, int from, int to) {
  return communicator.folder / ("message-" + std::to_string(from) + "-" + std::to_string(to) + "-" +
                                std::to_string(communicator.messages[{from, to}]++));
}

}  // namespace

const char* ncclGetErrorString(ncclResult_t status) {
  return status == ncclInvalidUsage ? "members differ" : "members did not come";
}
const char* ncclGetLastError(ncclComm_t /*communicator*/) { return ""; }

ncclResult_t ncclGetVersion(int* version) {
  const char* const text = std::getenv("STEPCAST_EMULATED_NCCL");
  return *version = text ? std::atoi(text) : 22703, ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  std::error_code missing;
  std::string folder = (fs::temp_directory_path(missing) / "emulated-nccl-XXXXXX").string();
  *id = {};
  if (missing || folder.size() >= sizeof id->internal || ::mkdtemp(folder.data()) == nullptr)
    return ncclInternalError;
  std::ranges::copy(folder, id->internal);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRank(ncclComm_t* communicator, int members, ncclUniqueId id, int rank) {
  auto own =
      std::make_unique<ncclComm>(ncclComm{.folder = id.internal, .size = members, .rank = rank});
  const ncclResult_t status = meet(own.get(), nullptr, 0, [](const auto&) {});
  if (status == ncclSuccess) *communicator = own.release();
  return status;
}
/// The last one takes the folder away.
ncclResult_t ncclCommDestroy(ncclComm_t communicator) {
  const std::unique_ptr<ncclComm> own(communicator);
  const auto left = [&](int member) { return own->folder / ("left-" + std::to_string(member)); };
  put(left(own->rank), nullptr, 0);
  std::error_code ignored;
  for (int member = 0; member < own->size; ++member)
    if (!fs::exists(left(member), ignored)) return ncclSuccess;
  fs::remove_all(own->folder, ignored);
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
  put(message(*communicator, communicator->rank, to), from, bytes_of(count, type));
  return ncclSuccess;
}

ncclResult_t ncclRecv(void* to, std::size_t count, ncclDataType_t type, int from,
                      ncclComm_t communicator, cudaStream_t /*stream*/) {
  const fs::path file = message(*communicator, from, communicator->rank);
  const ncclResult_t status = get(file, to, bytes_of(count, type));
  fs::remove(file);
  return status;
}
