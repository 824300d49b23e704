// Summaries -> JSON, under the same keys in every document (tests/validation/README.md).
#pragma once

#include "sim/base/json_writer.h"
#include "sim/ledger/statistics.h"

namespace stepcast {

/// An object on one line. The key it belongs to has been written.
void write(JsonWriter& json, const ErrorSummary& error);
void write(JsonWriter& json, const OomCounts& oom);

/// A row that was not predicted, and why.
void write_skipped_row(JsonWriter& json, const std::string& id, const std::string& reason);

}  // namespace stepcast
