// Tables of single kernels: what the device profile alone says, without a training stack. Times are
// those of short benchmarks, in microseconds; a GPU of the table is a shipped device or the row is
// skipped.
#pragma once

#include <vector>

#include "sim/ledger/csv.h"
#include "sim/ledger/validation.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

enum class KernelTable : std::uint8_t { kGemm, kAttention, kMemoryOps, kConvolutions };

/// One answer per record, in order.
std::vector<RowAnswer> answer_kernels(KernelTable kind, const CsvTable& table,
                                      const Library& library);

}  // namespace stepcast
