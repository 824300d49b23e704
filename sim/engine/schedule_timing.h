// The closed form of algorithms that schedule_loads.h follows: their steps one after the other, in
// Simple, each as long as a hop and the bytes of its busiest link. In symbols of
// collective_timing.h, with a power of two of ranks, b the bandwidth of a GPU inside its node and B
// that of its NIC, this is
//
//   halving_doubling  2 log2 n hops, 2 S (1 - 1/g) / b + 2 S (1/g - 1/n) / B
//   hierarchical      2 (g-1) + 2 (N-1) hops, 2 S (g-1)/g / b + 2 S (N-1)/n / B
//   pat               ceil(log2 n) hops, S (n-1)/n / B
//   torus             2 d (a-1) hops, 2 S (n-1)/n over all 2 d links of a GPU
//
// all_gather and reduce_scatter take half of an all_reduce. No measurement stands behind it: it
// borrows the ring's costs per hop and its efficiency.
#pragma once

#include "sim/engine/collective_timing.h"

namespace stepcast {

/// `loads` of the group must have no refusal. The profile was made for_generation().
Timing schedule_timing(const GroupGeometry& group, const NetworkProfile& profile,
                       const ScheduleLoads& loads, double size);

}  // namespace stepcast
