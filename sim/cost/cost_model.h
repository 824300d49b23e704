// What each op of a program costs: the device profile times kernels, the stack profile times the
// CPU and corrects kernels for the software that runs them, the network profile times collectives.
// The engine asks this one object and knows nothing of profiles.
#pragma once

#include "sim/base/grade.h"
#include "sim/base/quantity.h"
#include "sim/compute/kernels.h"
#include "sim/cost/device_profile.h"
#include "sim/cost/network_profile.h"
#include "sim/cost/stack_profile.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// A predicted duration and how well it is founded.
struct Cost {
  Seconds time;
  Grade grade = Grade::kAssumed;
  double relative_sigma = 0;  ///< one standard deviation, relative
};

/// What kernels run in. A GPU in training has settled at its power limit; a benchmark of a few
/// launches is over before that.
enum class Condition : std::uint8_t { kTraining, kShortBenchmark };

class CostModel {
 public:
  /// Keeps copies. Throws Error(kUnsupported) for products in waves on a device without SMs, and
  /// for transfers that hold them all: see rate_beside_collective().
  CostModel(Device device, DeviceProfile device_profile, NetworkProfile network, StackProfile stack,
            Condition condition = Condition::kTraining);

  /// GPU time of a kernel in the model's condition: its measured point where the profile has one,
  /// else the models. Throws Error(kUnsupported), naming the kernel and how to measure it, when the
  /// profile can't time it.
  Cost kernel(const Kernel& kernel) const;
  /// CPU time to issue one op that runs on the GPU.
  Seconds issue_compute(const Kernel& kernel) const;
  Seconds issue_collective() const;
  Seconds issue_p2p() const;
  /// CPU time of the training loop, once per microbatch and once per step.
  Seconds per_microbatch() const;
  Seconds per_step() const;
  /// Of ZeRO's bookkeeping, for each weight tensor and rank.
  Seconds per_shard() const;

  /// What is left of a kernel's rate while a collective, a send or a receive of its rank moves
  /// bytes, above 0, at most 1. Products and attention lose the SMs that the transfer holds,
  /// memory-bound kernels the bandwidth that it uses. The constructor refuses stacks
  /// that leave nothing.
  double rate_beside_collective(KernelFamily family) const;
  double rate_beside_p2p(KernelFamily family) const;

  const NetworkProfile& network() const { return network_; }
  const StackProfile& stack() const { return stack_; }

 private:
  /// By the smooth models of the profile.
  Cost modelled(const Kernel& kernel) const;
  double sms_left(double taken) const;

  Device device_;
  DeviceProfile device_profile_;
  NetworkProfile network_;
  StackProfile stack_;
  Condition condition_;
};

}  // namespace stepcast
