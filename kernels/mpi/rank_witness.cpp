#include "kernels/mpi/rank_witness.h"

#include <algorithm>
#include <cstring>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr std::size_t kLine = 64;

std::size_t whole_lines(std::size_t bytes) { return (bytes + kLine - 1) / kLine * kLine; }

/// What does not fit is cut; the rest of `to` is zero already.
template <std::size_t size>
void copy_text(std::string_view text, char (&to)[size]) {
  std::memcpy(to, text.data(), std::min(text.size(), size - 1));
}

}  // namespace

RankWitness::RankWitness(int ranks, std::size_t kept_bytes)
    : ranks_(ranks),
      kept_bytes_(whole_lines(kept_bytes)),
      page_(sizeof(Page), SharedMemory::Pages::kNow),
      kept_(static_cast<std::size_t>(ranks) * (kLine + kept_bytes_),
            SharedMemory::Pages::kOnTouch) {
  page().rank = -1;
}

void RankWitness::set_device(std::string_view name) const { copy_text(name, page().device); }
std::string RankWitness::device() const { return page().device; }

void RankWitness::set_shared_files(std::string_view begin_of_paths) const {
  copy_text(begin_of_paths, page().shared_files);
}
std::string RankWitness::shared_files() const { return page().shared_files; }

std::atomic<std::uint64_t>& RankWitness::bytes_of(int rank) const {
  STEPCAST_CHECK(rank >= 0 && rank < ranks_, "a witness of fewer ranks");
  return *reinterpret_cast<std::atomic<std::uint64_t>*>(
      kept_.data() + static_cast<std::size_t>(rank) * (kLine + kept_bytes_));
}

std::span<std::byte> RankWitness::room_of(int rank) const {
  return {reinterpret_cast<std::byte*>(&bytes_of(rank)) + kLine, kept_bytes_};
}

void RankWitness::forget_kept() const {
  for (int rank = 0; rank < ranks_; ++rank) bytes_of(rank) = 0;
}

void RankWitness::keep(int rank, std::span<const std::byte> bytes) const {
  const std::size_t used = bytes_of(rank);
  const std::span<std::byte> room = room_of(rank).subspan(used);
  if (bytes.size() > room.size())
    throw Error(ErrorKind::kLiveRank, "rank " + std::to_string(rank) + " keeps more than the " +
                                          std::to_string(kept_bytes_) +
                                          " bytes of room that it was given");
  if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), bytes.size());
  bytes_of(rank).store(used + bytes.size(), std::memory_order_release);
}

std::span<const std::byte> RankWitness::kept(int rank) const {
  return room_of(rank).first(bytes_of(rank).load(std::memory_order_acquire));
}

}  // namespace stepcast
