// The JSON of nccl-tests (-J, since 2025): read by nccl_tests.h.
#pragma once

#include "sim/ledger/nccl_tests.h"

namespace stepcast {

/// Throws Error(kInput) for what is missing or can't be.
NcclTestsRun parse_nccl_tests_json(const std::string& text, const std::string& name,
                                   const NcclTestsHints& hints);

/// Fills in what the hints say, or reports that nothing says it.
void complete(NcclTestsRun& run, bool op_found, const NcclTestsHints& hints,
              std::vector<Problem>& problems);

}  // namespace stepcast
