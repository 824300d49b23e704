// A transfer with kernels that were timed on the target. One of them sets the level of its class
// (sim/cost/transfer.h); of products a handful tells more: how hard waves are, and what streams.
#pragma once

#include <vector>

#include "sim/cost/transfer.h"

namespace stepcast {

/// transfer_profile(), and then, for each dtype of six products or more among the anchors, its
/// model fitted to them again around what was carried over. Such a model is graded transferred like
/// the others; its sigma is widened by kRefittedSigma only. Throws as transfer_profile() does.
DeviceProfile transfer_anchored(const DeviceProfile& profile, const Device& from, const Device& to,
                                const std::vector<MeasuredKernel>& anchors,
                                Condition anchors_timed_in);

/// As transfer_sigma(), of products refitted to ten anchors (kernels/README.md).
inline constexpr double kRefittedSigma = 0.11;

}  // namespace stepcast
