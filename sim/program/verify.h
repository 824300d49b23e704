// Proves a program sound before an interpreter sees it; interpreters trust it.
#pragma once

#include <string>
#include <vector>

#include "sim/program/job.h"

namespace stepcast {

/// What is wrong with one program: buffers used before alloc or after free, freed twice or never,
/// ids out of range, waits on events never signalled before, negative sizes, a read on one stream of a
/// buffer written on another stream without an event between. Empty = sound.
std::vector<std::string> verify(const Program& program);

/// And with the job: every send meets a receive of the same size and tag, in the same order; the ranks of
/// a group issue the same collectives in the same order; groups and neighbours agree; and executing all
/// programs with rendezvous semantics ends (no deadlock). Checks one representative per program pair.
std::vector<std::string> verify(const Job& job);

}  // namespace stepcast
