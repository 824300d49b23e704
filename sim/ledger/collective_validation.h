// Tables of nccl-tests sweeps: what the shipped network profiles alone say.
#pragma once

#include <vector>

#include "sim/ledger/csv.h"
#include "sim/ledger/validation.h"
#include "sim/scenario/scenario.h"

namespace stepcast {

/// One answer per record, in order. Systems are those of collective_systems.csv in the folder of
/// `table.file`; without it, or when it does not know a row's system, rows are skipped.
std::vector<RowAnswer> answer_collectives(const CsvTable& table, const Library& library);

}  // namespace stepcast
