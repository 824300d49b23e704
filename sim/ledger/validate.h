// `stepcast validate`: a published table in, an answer to every row out. The table is recognised by
// its header.
#pragma once

#include <string>
#include <vector>

#include "sim/ledger/csv.h"
#include "sim/ledger/validation.h"
#include "sim/ledger/worker_pool.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

enum class LedgerKind : std::uint8_t {
  kStepTimes,
  kDataParallel,
  kCollectives,
  kGemm,
  kAttention,
  kMemoryOps,
  kConvolutions,
  kMiscellaneous,
};
std::string_view name_of(LedgerKind kind);

/// Throws Error(kInput) when no kind has this header: what the nearest lacks, and what is known.
LedgerKind recognise(const CsvTable& table);
/// Throws Error(kInput) for a table of anything else, too.
void require_step_times(const CsvTable& table);

struct ValidateOptions {
  /// Labels to group by (rows of other tables carry other labels, and are not grouped by these):
  /// columns of a step table; "gpu", "dtype", "pass", "op", "impl" of a kernel table and "kernels",
  /// what the profile has a model of each (a GPU's implementation of attention; convolutions of a
  /// GPU, type and pass); "system", "collective", "size", "quality", "network" of a table of
  /// collectives.
  std::vector<std::string> by = {"framework",  "kind", "gpu",    "kernels", "dtype",
                                 "collective", "size", "system", "quality"};
  WorkerPoolOptions pool;
};

/// Throws Error for a file that can't be read or shipped files with mistakes; rows that can't be
/// predicted are skipped with their reason.
Validation validate(const std::string& file, const Library& library,
                    const ValidateOptions& options = {});

}  // namespace stepcast
