#include "kernels/mpi/mpi_pulse.h"

#include <sched.h>

#include <algorithm>

#include "sim/base/error.h"

namespace stepcast {
namespace {

constexpr int kBeatTag = 2, kMeetTag = 3;
/// Beats in the time after which a rank stands still.
constexpr double kBeats = 8;
/// Between looks at what others say. By the clock: on a busy machine each look at the requests
/// costs a turn of the scheduler.
constexpr double kListenEveryS = 1e-3;

std::vector<std::string> names_of_hosts(MPI_Comm comm, int ranks) {
  using Name = std::array<char, MPI_MAX_PROCESSOR_NAME>;
  Name mine{};
  int length = 0;
  MPI_Get_processor_name(mine.data(), &length);
  std::vector<Name> all(static_cast<std::size_t>(ranks));
  check_mpi(
      MPI_Allgather(mine.data(), sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, comm),
      "MPI_Allgather");
  std::vector<std::string> names;
  for (const Name& name : all) names.emplace_back(name.data());
  return names;
}

}  // namespace

void check_mpi(int status, const char* call) {
  if (status == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(status, text, &length);
  throw Error(ErrorKind::kLiveRank,
              std::string(call) + ": " + std::string(text, static_cast<std::size_t>(length)));
}

MpiPulse::MpiPulse(double stand_still_s, RankState& state)
    : stand_still_s_(stand_still_s), state_(state) {
  check_mpi(MPI_Comm_dup(MPI_COMM_WORLD, &comm_), "MPI_Comm_dup");
  MPI_Comm_rank(comm_, &rank_);
  MPI_Comm_size(comm_, &ranks_);
  hosts_ = names_of_hosts(comm_, ranks_);
  const double now = MPI_Wtime();
  seen_.assign(static_cast<std::size_t>(ranks_), {.beat = {}, .alive_at = now, .moved_at = now});
}

MpiPulse::~MpiPulse() {
  MPI_Barrier(comm_);
  try {
    take_beats(0);
  } catch (const Error&) {  // of whom nothing can be read any more, nothing is wanted any more
  }
  for (Sent& sent : under_way_) MPI_Wait(&sent.request, MPI_STATUS_IGNORE);
  MPI_Comm_free(&comm_);
}

/// What went wrong is said by the rank that failed, or by mpirun of one that died.
void MpiPulse::look_for_end() const {
  if (end_signal_ != nullptr && *end_signal_ != 0)
    throw Error(ErrorKind::kLiveRank,
                "mpirun ends all ranks (signal " + std::to_string(*end_signal_) +
                    "), as it does when one has ended early or when it is ended itself");
}

void MpiPulse::begin() {
  const double now = MPI_Wtime();
  mine_.waits_for = kWorks;
  next_beat_ = 0;
  present_at_ = now;
  for (Seen& seen : seen_) {
    seen.beat.waits_for = kWorks;
    seen.alive_at = seen.moved_at = now;
  }
}

/// Who was in a long call of its own, of a GPU's driver say, or was stopped together with the
/// others, has heard of nobody meanwhile: that time does not count against them.
void MpiPulse::forgive_absence(double now) {
  const double absence = now - present_at_;
  present_at_ = now;
  if (absence < stand_still_s_ / kBeats) return;
  for (Seen& seen : seen_) {
    seen.alive_at += absence;
    seen.moved_at += absence;
  }
}

void MpiPulse::begin_operation(std::string_view what) {
  state_.begin(what);
  look_for_end();
  ++mine_.operations;
  mine_.waits_for = kWorks;
  mine_.operation = {};
  std::copy_n(what.begin(), std::min(what.size(), mine_.operation.size() - 1),
              mine_.operation.begin());
  const double now = MPI_Wtime();
  forgive_absence(now);
  send_beats(now);
}

void MpiPulse::end() {
  mine_.waits_for = kDone;
  next_beat_ = 0;
  send_beats(MPI_Wtime());
}

void MpiPulse::send_beats(double now) {
  if (now < next_beat_) return;
  next_beat_ = now + stand_still_s_ / kBeats;
  Seen& own = seen_[static_cast<std::size_t>(rank_)];
  if (own.beat.operations != mine_.operations) own.moved_at = now;
  own.beat = mine_;
  own.alive_at = now;
  std::erase_if(under_way_, [](Sent& sent) {
    int done = 0;
    check_mpi(MPI_Test(&sent.request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    return done != 0;
  });
  for (int rank = 0; rank < ranks_; ++rank) {
    if (rank == rank_) continue;
    Sent& sent = under_way_.emplace_back();
    sent.beat = mine_;
    check_mpi(
        MPI_Isend(&sent.beat, sizeof sent.beat, MPI_BYTE, rank, kBeatTag, comm_, &sent.request),
        "MPI_Isend");
  }
}

void MpiPulse::take_beats(double now) {
  for (int there = 1; there != 0;) {
    MPI_Status status;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, kBeatTag, comm_, &there, &status), "MPI_Iprobe");
    if (there == 0) return;
    Seen& seen = seen_[static_cast<std::size_t>(status.MPI_SOURCE)];
    const std::int64_t before = seen.beat.operations;
    check_mpi(MPI_Recv(&seen.beat, sizeof seen.beat, MPI_BYTE, status.MPI_SOURCE, kBeatTag, comm_,
                       MPI_STATUS_IGNORE),
              "MPI_Recv");
    seen.alive_at = now;
    if (seen.beat.operations != before) seen.moved_at = now;
  }
}

std::string MpiPulse::described(int rank) const {
  return "rank " + std::to_string(rank) + " on " + host(rank);
}

void MpiPulse::find_standing(double now) const {
  std::string circle;
  bool all_wait = true;
  for (int rank = 0; rank < ranks_; ++rank) {
    const Seen& seen = seen_[static_cast<std::size_t>(rank)];
    if (seen.beat.waits_for == kDone) continue;
    // Keepers (rank_watch.h) see a stopped rank themselves, and sooner: they say more of it.
    if (now - seen.alive_at > stand_still_s_ * 1.5)
      throw Error(ErrorKind::kLiveRank,
                  described(rank) + " was stopped or is in an endless loop: no sign of life for " +
                      std::to_string(static_cast<int>(now - seen.alive_at)) + " s, in \"" +
                      seen.beat.operation.data() + '"');
    all_wait = all_wait && seen.beat.waits_for >= 0 && now - seen.moved_at > stand_still_s_;
    if (seen.beat.waits_for >= 0)
      circle += (circle.empty() ? "" : ", ") + described(rank) + " for rank " +
                std::to_string(seen.beat.waits_for) + " in \"" + seen.beat.operation.data() + '"';
  }
  if (all_wait && !circle.empty())
    throw Error(ErrorKind::kLiveRank, "all ranks wait for each other: " + circle);
}

void MpiPulse::meet(std::span<const int> members) {
  std::vector<MPI_Request> requests;
  std::vector<int> peers;
  std::vector<char> arrived(members.size());
  const char mine = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (members[i] == rank_) continue;
    requests.insert(requests.end(), 2, MPI_REQUEST_NULL);
    peers.insert(peers.end(), 2, members[i]);
    check_mpi(MPI_Irecv(&arrived[i], 1, MPI_BYTE, members[i], kMeetTag, comm_,
                        &requests[requests.size() - 2]),
              "MPI_Irecv");
    check_mpi(MPI_Isend(&mine, 1, MPI_BYTE, members[i], kMeetTag, comm_, &requests.back()),
              "MPI_Isend");
  }
  std::vector<MPI_Status> statuses(requests.size());
  wait(requests, peers, statuses);
}

void MpiPulse::wait(std::span<MPI_Request> requests, std::span<const int> peers,
                    std::span<MPI_Status> statuses) {
  double begin = 0, listen_at = 0;
  for (;;) {
    int done = 0;
    check_mpi(
        MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, statuses.data()),
        "MPI_Testall");
    if (done != 0) break;
    const double now = MPI_Wtime();
    if (begin == 0) begin = listen_at = now;
    sched_yield();
    look_for_end();  // every time: a second is all there is
    if (now - listen_at < kListenEveryS) continue;
    listen_at = now;
    state_.beat();
    forgive_absence(now);
    for (std::size_t i = requests.size(); i-- > 0;) {
      int ready = 0;
      MPI_Request_get_status(requests[i], &ready, MPI_STATUS_IGNORE);
      if (ready == 0) mine_.waits_for = peers[i];
    }
    send_beats(now);
    take_beats(now);
    find_standing(now);
  }
  mine_.waits_for = kWorks;
  if (begin > 0) waited_ += MPI_Wtime() - begin;
}

}  // namespace stepcast
