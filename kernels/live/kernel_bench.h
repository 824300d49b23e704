// Times the kernels of a rank's program by themselves, on the memory that a recorded step left, in
// three states of the machine:
//
//   in place  the kernels of a step one after the other, without what stands between them
//   warm      again and again on the same operands
//   cold      after a walk through more memory than caches hold
//
// A step runs them in place. What a kernel finds there in caches and branch predictors is what
// those before it left: an embedding repeated by itself takes a fourth of its time in the step, and
// one whose operands no cache holds takes more than it. Warm and cold are the bounds.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/live/core_clock.h"
#include "kernels/live/core_share.h"
#include "kernels/live/step_recorder.h"

namespace stepcast {

class KernelBench {
 public:
  /// `recorder` has recorded a step on `device`; both and `adam` outlive this.
  KernelBench(std::span<const Kernel> kernels, const StepRecorder& recorder, LiveDevice& device,
              const AdamSettings& adam, const CoreShare& share);

  /// All kernels of the step once, in its order.
  void walk();
  /// Seconds of each kernel in the walks since the last call: the mean over its places in the
  /// step, of each the median over walks.
  std::vector<double> take_in_place();

  /// Seconds of each kernel. Here as above 0 for what this rank does not do, or did without its
  /// core; and the program's buffers are changed.
  std::vector<double> warm();
  std::vector<double> cold();

 private:
  struct Sample {
    double seconds = 0;
    bool good = false;  ///< this rank had its core
  };
  Sample timed(std::size_t place, int times = 1) const;
  double warm(std::size_t place) const;
  double cold(std::size_t place);
  void launch(std::size_t place) const;
  void walk_elsewhere();

  const StepRecorder& recorder_;
  LiveDevice& device_;
  const AdamSettings& adam_;
  bool shares_core_ = false;
  LostTime lost_;
  std::vector<std::vector<std::size_t>> places_;  ///< in the recorder, by kernel
  std::vector<std::vector<double>> walks_;        ///< good samples, by place
  DeviceBlock elsewhere_;                         ///< more than any cache holds of a core or GPU
};

}  // namespace stepcast
