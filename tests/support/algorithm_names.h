// Algorithms of collectives as parameters of tests: "all_reduce ring".
#pragma once

#include <ostream>

#include "sim/collective/algorithms.h"
#include "tests/support/parameter_names.h"

namespace stepcast {

inline void PrintTo(const CollectiveAlgorithm& algorithm, std::ostream* out) {
  *out << name_of(algorithm.kind) << ' ' << algorithm.name;
}

}  // namespace stepcast
