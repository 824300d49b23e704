// Which ranks have a core of their own, and which take turns on one.
#pragma once

#include <cstdint>

#include "kernels/live/communicator.h"

namespace stepcast {

struct CoreShare {
  std::int32_t ranks = 1;  ///< on the core of this rank, itself included
  std::int32_t turn = 0;   ///< which of them it is, from 0
  std::int32_t turns = 1;  ///< most ranks on a core that any rank of the job has
  std::int32_t first = 0;  ///< the lowest of the ranks on its core
};

/// To be called by all ranks, from the threads that run them. Ranks share when they are on one host
/// and the system lets them use the same cores, whoever pinned them: n ranks on the same c cores
/// are dealt out in turn.
CoreShare find_core_share(Communicator& world);

}  // namespace stepcast
