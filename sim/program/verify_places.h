// Part of verify(Job): the places of ranks, before their programs are compared.
#pragma once

#include "sim/program/findings.h"
#include "sim/program/job.h"

namespace stepcast {

/// Programs, groups and neighbours that exist and agree: a group's members and their places name
/// each other, next and previous are mutual, and a rank has every group and neighbour that its
/// program uses.
void check_places(const Job& job, Findings& findings);

}  // namespace stepcast
