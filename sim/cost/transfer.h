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
/// half of it with one. Types in which the target does not compute lose their models. Throws
/// Error(kInput) when `profile` is not of `from`, or an anchor is of a type that the profile has no
/// model for.
DeviceProfile transfer_profile(const DeviceProfile& profile, const Device& from, const Device& to,
                               const std::vector<MeasuredKernel>& anchors);

/// What the fractions of peak of neighbouring generations differ by, relative: the shipped
/// profiles' bf16 products range from 0.77 to 0.85 of it, attention from 0.45 to 0.7.
inline constexpr double kTransferSigma = 0.15;

}  // namespace stepcast
