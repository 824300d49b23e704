// Proves a program sound before an interpreter sees it; interpreters trust it.
#pragma once

#include <string>
#include <vector>

#include "sim/program/job.h"

namespace stepcast {

/// What is wrong with one program; empty = sound. Statically: ids out of range, negative sizes,
/// messages larger than their buffer. Along the expanded calls: buffers used before alloc or after
/// free, read before anything was written to them, freed twice or never; waits on events that
/// nothing before them signals; a read or overwrite on one stream of a buffer written on another,
/// or an overwrite of one that is still read on another, without an event (or a host wait) between.
/// A free needs no event: the memory is reused only when all streams that used it are past it
/// (PyTorch's record_stream). Linear in the expanded ops. At most 20 findings are spelled out, the
/// rest counted.
std::vector<std::string> verify(const Program& program);

/// And with the job: every send meets a receive of the same size and tag, in the same order; the
/// ranks of a group issue the same collectives in the same order; groups and neighbours agree; and
/// executing all programs with rendezvous semantics ends (no deadlock). Checks one representative
/// per program pair.
std::vector<std::string> verify(const Job& job);

}  // namespace stepcast
