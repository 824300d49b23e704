// A profile for a device that nobody could measure yet, from one that was measured: its fractions
// of peak and bandwidth carry over, what fills a chip grows with the chip.
#pragma once

#include <vector>

#include "sim/cost/device_profile.h"
#include "sim/topology/topology.h"

namespace stepcast {

/// Efficiencies are kept. Sizes at which a product's rate is halved grow with the root of the
/// number of SMs, since m times n tiles fill them; times of memory-bound kernels fall with the
/// bandwidth; CPU and launch overheads stay. Measured points do not carry over.
///
/// `anchors`, kernels timed on the target (or published for it), set the level: the models of each
/// family and dtype are scaled so that the middle one of their anchors comes out right.
///
/// Everything is graded transferred, and its sigma widened by kTransferSigma without an anchor, by
/// kAnchoredTransferSigma with one. Types in which the target does not compute lose their models.
/// Throws Error(kInput) when `profile` is not of `from`, or an anchor is of a type that the profile
/// has no model for.
DeviceProfile transfer_profile(const DeviceProfile& profile, const Device& from, const Device& to,
                               const std::vector<MeasuredKernel>& anchors);

/// What products of one GPU are off by when told from another's profile, beside the profile's own
/// error: kernels/README.md has the table for six pairs, whose 90 % errors are 13 to 42 % without
/// anchors and 15 to 30 % with ten of them, which mend the level but not the tails.
inline constexpr double kTransferSigma = 0.15;
inline constexpr double kAnchoredTransferSigma = 0.13;

}  // namespace stepcast
