// Signs of life between ranks that mpirun started, and waiting that ends when one of them stands
// still. mpirun itself sees ranks that die.
//
// Every rank that works or waits tells all others so a few times in `stand_still_s`, by a message
// that nobody has to answer. So a rank that is heard of no more has been stopped, has lost its
// node, or is in an endless loop; and when all say that they wait and none moves on, they wait in a
// circle.
#pragma once

#include <mpi.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/live/switchboard.h"

namespace stepcast {

/// Throws Error(kLiveRank) with MPI's text unless `status` is MPI_SUCCESS.
void check_mpi(int status, const char* call);

class MpiPulse {
 public:
  /// To be made by all ranks together, between MPI_Init and MPI_Finalize, and destroyed likewise.
  /// `state`, for whoever looks at this rank from outside, outlives it.
  MpiPulse(double stand_still_s, RankState& state);
  ~MpiPulse();
  MpiPulse(const MpiPulse&) = delete;
  MpiPulse& operator=(const MpiPulse&) = delete;

  /// A signal that ends the run from its next operation or wait on; 0: none so far. Outlives this.
  void end_on(const volatile std::sig_atomic_t& signal) { end_signal_ = &signal; }

  /// A run begins, in which all ranks are alive and have done nothing yet.
  void begin();
  void begin_operation(std::string_view what);
  /// Nobody waits for a sign of life of this rank any more.
  void end();

  /// Returns when all requests are done, with their statuses. `peers` are the ranks on their other
  /// sides. Throws Error(kLiveRank) naming a rank that stands still, or who waits for whom.
  void wait(std::span<MPI_Request> requests, std::span<const int> peers,
            std::span<MPI_Status> statuses);

  /// Returns when all members have called it, in the same order of calls between any two. Before
  /// calls of MPI that wait for them without end.
  void meet(std::span<const int> members);

  double waited_seconds() const { return waited_; }
  const std::string& host(int rank) const { return hosts_[static_cast<std::size_t>(rank)]; }
  std::string operation() const { return mine_.operation.data(); }

 private:
  static constexpr std::int32_t kWorks = -1, kDone = -2;
  struct Beat {
    std::int64_t operations = 0;
    std::int32_t waits_for = kWorks;  ///< a rank
    std::array<char, 116> operation{};
  };
  struct Seen {
    Beat beat;
    double alive_at = 0, moved_at = 0;
  };
  /// A beat that MPI may still read.
  struct Sent {
    Beat beat;
    MPI_Request request = MPI_REQUEST_NULL;
  };

  void send_beats(double now);
  void take_beats(double now);
  void forgive_absence(double now);
  void find_standing(double now) const;
  void look_for_end() const;
  std::string described(int rank) const;

  double stand_still_s_;
  RankState& state_;
  const volatile std::sig_atomic_t* end_signal_ = nullptr;
  MPI_Comm comm_ = MPI_COMM_NULL;
  int rank_ = 0, ranks_ = 1;
  std::vector<std::string> hosts_;
  Beat mine_;
  double next_beat_ = 0, waited_ = 0;
  double present_at_ = 0;   ///< when this rank last had time for signs of life
  std::vector<Seen> seen_;  // by rank; of this one as well
  std::list<Sent> under_way_;
};

}  // namespace stepcast
