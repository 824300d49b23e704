// Times what a rank's program does, piece by piece: every kernel on the program's own buffers in
// turn (each layer's weights and activations, so that caches are as full as in a step; an update of
// the weights after a walk through other memory, since it finds them as the whole step left them),
// every collective between its members, every message between two stages.
//
// All ranks do the same piece at the same time, as they do in a step. Ranks that share a core time
// kernels one after the other: at the same time the median would see the moments alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/live/core_clock.h"
#include "kernels/live/step_recorder.h"
#include "sim/program/job.h"

namespace stepcast {

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

  std::size_t count() const { return kernels.size() + collectives.size() + messages.size(); }
};
JobPieces pieces_of(const Job& job);

class ProgramBench {
 public:
  /// `recorder` has recorded a step; it, `live` and `adam` outlive this.
  ProgramBench(const Job& job, int rank, const LiveRank& live, const StepRecorder& recorder,
               LauncherTable launchers, const AdamSettings& adam);

  /// To be called by all ranks together. Seconds of every piece, kernels first, then collectives
  /// and messages; 0 for what this rank does not do, or did without its core. Leaves the
  /// program's buffers changed.
  std::vector<double> run_round();

 private:
  static constexpr int kSamples = 3;
  double kernel(const Kernel& kernel, std::span<const std::size_t> places);
  double collective(const JobPieces::Exchange& exchange,
                    std::span<const std::vector<std::size_t>> places);
  double message(Bytes size);
  void launch(const RecordedLaunch& recorded) const;
  void walk_elsewhere();
  /// Ranks that share a core take it from each other, so nothing can be said there.
  bool had_core(double lost_before, double time) const;

  JobPieces pieces_;
  int rank_ = 0;
  int waves_ = 1, wave_ = 0;  ///< ranks that share a core take turns
  Rank partner_ = kNone;      ///< with whom this rank exchanges messages
  const LiveRank& live_;
  const StepRecorder& recorder_;
  LauncherTable launchers_;
  const AdamSettings& adam_;
  LostTime lost_;
  std::size_t turn_ = 0;
  std::vector<std::uint8_t> elsewhere_;  ///< as much as the step uses, up to what no cache holds
  std::vector<std::vector<std::size_t>> launches_;  ///< by kernel: places in the recorder
  /// By collective, then by op that does it: its parts, places in the recorder.
  std::vector<std::vector<std::vector<std::size_t>>> parts_;
};

}  // namespace stepcast
