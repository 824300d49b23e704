// Summaries -> JSON, under the same keys in every document (tests/validation/README.md).
#pragma once

#include "sim/base/json_writer.h"
#include "sim/ledger/statistics.h"

namespace stepcast {

/// A figure, or null where there is none.
void member_or_null(JsonWriter& json, std::string_view key, const std::optional<double>& value);

/// An object on one line. The key it belongs to has been written.
void write(JsonWriter& json, const ErrorSummary& error);
void write(JsonWriter& json, const OomCounts& oom);

/// A row that was not predicted, and why.
void write_skipped_row(JsonWriter& json, const std::string& id, const std::string& reason);

}  // namespace stepcast
