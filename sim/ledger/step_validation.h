// Predicts a table of step times, row by row, in worker processes.
#pragma once

#include <vector>

#include "sim/ledger/csv.h"
#include "sim/ledger/validation.h"
#include "sim/ledger/worker_pool.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

/// One answer per record, in order. Runs that did not fit are asked for their memory only.
std::vector<RowAnswer> answer_step_times(const CsvTable& table, const Library& library,
                                         const WorkerPoolOptions& pool);

}  // namespace stepcast
