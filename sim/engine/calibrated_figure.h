// What a calibrated network profile adds to the closed forms: measured over predicted, for the
// sweeps it was fitted to, and how well a figure is founded.
#pragma once

#include <string_view>

#include "sim/cost/network_profile.h"

namespace stepcast {

struct CalibratedFigure {
  double factor = 1;  ///< on the closed form
  Grade grade = Grade::kAssumed;
};

/// `op` as nccl-tests calls it, `size` as it counts it. `measured` within the sizes of a sweep of
/// the profile (of just these numbers of ranks and nodes); at worst `transferred` beyond its
/// domain; else the grade of the profile.
CalibratedFigure calibrated_figure(const NetworkProfile& profile, std::string_view op, int ranks,
                                   int nodes, Bytes size);

}  // namespace stepcast
