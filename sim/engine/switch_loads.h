// Reduction and multicast inside the switches between nodes (SHARP; NCCL's CollNet): what a
// collective loads when the network itself adds.
//
// Every channel goes through a NIC of each node into a tree of switches. A link of the tree carries
// the channel's share of the buffer once in each direction, however many nodes hang below it: what
// comes up is summed at every switch, what goes down is copied at every switch. So an all_reduce
// loads a NIC with half of what a ring does. all_gather loads the way down and reduce_scatter the
// way up; the other way carries 1/N of that and is left out. Inside a node a GPU's NVLinks carry
// the whole buffer once each way, as with NVLS.
#pragma once

#include "sim/engine/group_geometry.h"

namespace stepcast {

/// The loads of all_reduce, all_gather and reduce_scatter over kSharp; refused with a reason inside
/// one node, in nodes of several GPUs without a switch between them, and where the nodes' switches
/// form no tree.
ScheduleLoads find_switch_loads(const Fabric& fabric, const GroupGeometry& group, ScheduledWay way);

}  // namespace stepcast
