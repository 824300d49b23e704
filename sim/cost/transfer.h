// A profile for a device that nobody could measure yet, from one that was measured: its fractions
// of peak and bandwidth carry over, what fills a chip grows with the chip.
#pragma once

#include <vector>

#include "sim/cost/cost_model.h"
#include "sim/cost/device_profile.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// Efficiencies are kept. Sizes at which a product's rate is halved grow with the root of the
/// number of SMs, since m times n tiles fill them; times of memory-bound kernels fall with the
/// bandwidth; CPU and launch overheads stay. Measured points do not carry over.
///
/// `anchors`, kernels timed on the target (or published for it), set the level: the models of each
/// family and dtype are scaled so that the middle one of their anchors comes out right in the
/// condition that they were timed in: short benchmarks run above the clock of training.
///
/// Everything is graded transferred, and its sigma widened by transfer_sigma(). Types in which the
/// target does not compute lose their models.
/// Throws Error(kInput) when `profile` is not of `from`, or an anchor is of a type that the profile
/// has no model for.
DeviceProfile transfer_profile(const DeviceProfile& profile, const Device& from, const Device& to,
                               const std::vector<MeasuredKernel>& anchors,
                               Condition anchors_timed_in = Condition::kTraining);

/// What kernels of one GPU are off by when told from another's profile, beside the profile's own
/// error: one standard deviation, relative, without and with an anchor of the family.
struct TransferSigma {
  double plain = 0;
  double anchored = 0;
};
/// So wide that nine in ten published times of products and attention lie in the 90 % interval,
/// over all pairs of shipped profiles; of memory-bound kernels as many as with the GPU's own
/// profile (kernels/README.md). Fused attention is written for a generation: on the next its
/// fraction of peak halves.
TransferSigma transfer_sigma(KernelFamily family);

}  // namespace stepcast
