// Times what a rank's program does, piece by piece: every kernel (kernel_bench.h), every collective
// between its members, every message between two stages.
//
// All ranks do so at the same time, as they do in a step. Ranks that share a core time kernels in
// turn: at the same time the median would see the moments alone.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "kernels/live/core_clock.h"
#include "kernels/live/core_share.h"
#include "kernels/live/kernel_bench.h"
#include "kernels/live/step_recorder.h"
#include "sim/program/job.h"

namespace stepcast {

/// In which state of the machine a kernel was timed: kernel_bench.h.
enum class KernelState : std::uint8_t { kInPlace, kWarm, kCold };

/// What the programs of a job do, each once, in the order in which programs mention it.
struct JobPieces {
  struct Exchange {
    CollectiveKind kind{};
    GroupRole group{};
    Bytes size;
    bool operator==(const Exchange&) const = default;
  };
  std::vector<Kernel> kernels;
  std::vector<Exchange> collectives;
  std::vector<Bytes> messages;

  // Places of their times in what ProgramBench::run_round() returns.
  std::size_t kernel_at(KernelState state, std::size_t kernel) const {
    return static_cast<std::size_t>(state) * kernels.size() + kernel;
  }
  std::size_t collective_at(std::size_t collective) const {
    return 3 * kernels.size() + collective;
  }
  std::size_t message_at(std::size_t message) const {
    return collective_at(collectives.size()) + message;
  }
  std::size_t count() const { return message_at(messages.size()); }
};
JobPieces pieces_of(const Job& job);

class ProgramBench {
 public:
  /// `recorder` has recorded a step; it, `live` and `adam` outlive this.
  ProgramBench(const Job& job, int rank, const LiveRank& live, const CoreShare& share,
               const StepRecorder& recorder, const AdamSettings& adam);

  /// To be called by all ranks together. Seconds of every piece, in the order of JobPieces; 0 for
  /// what this rank does not do, or did without its core. Leaves the program's buffers changed.
  std::vector<double> run_round();

 private:
  static constexpr int kSamples = 3;
  void in_turn(const std::function<void()>& work) const;
  double collective(const JobPieces::Exchange& exchange,
                    std::span<const std::vector<std::size_t>> places) const;
  double message(Bytes size) const;
  void send_and_wait(int to, std::span<const std::byte> bytes) const;
  void receive_and_wait(int from, std::span<std::byte> bytes) const;
  /// Ranks that share a core take it from each other, so nothing can be said there.
  bool had_core(double lost_before, double time) const;

  JobPieces pieces_;
  int rank_ = 0;
  CoreShare share_;
  Rank partner_ = kNone;  ///< with whom this rank exchanges messages
  const LiveRank& live_;
  const StepRecorder& recorder_;
  KernelBench kernels_;
  LostTime lost_;
  /// By collective, then by op that does it: its parts, places in the recorder.
  std::vector<std::vector<std::vector<std::size_t>>> parts_;
};

}  // namespace stepcast
