#include <algorithm>
#include <map>

#include "sim/base/plain_text.h"
#include "sim/base/printed.h"
#include "sim/ledger/validation_text.h"

namespace stepcast {
namespace {

/// "12.3 %"
std::string percent(double fraction, bool with_sign = false) {
  return with_sign ? printed("%+.1f %%", 100 * fraction) : printed("%.1f %%", 100 * fraction);
}

std::string pad(const std::string& text, std::size_t width, bool right = true) {
  const std::string spaces(text.size() < width ? width - text.size() : 0, ' ');
  return right ? spaces + text : text + spaces;
}

std::string error_columns(const ErrorSummary& error) {
  if (error.rows == 0)
    return pad("0", 7) + pad("-", 10) + pad("-", 10) + pad("-", 10) + pad("-", 10);
  return pad(std::to_string(error.rows), 7) + pad(percent(error.median_abs), 10) +
         pad(percent(error.mean_abs), 10) + pad(percent(error.p90_abs), 10) +
         pad(percent(error.bias, true), 10);
}

std::string memory_columns(const MemorySummary& memory) {
  if (memory.rows == 0) return "";
  return pad(std::to_string(memory.rows), 8) + pad(percent(memory.median_abs), 10) +
         pad(percent(memory.bias, true), 10);
}

std::string line(const std::string& name, std::int64_t rows, const ErrorSummary& error,
                 const MemorySummary& memory) {
  return pad(name, 44, false) + pad(std::to_string(rows), 6) + error_columns(error) +
         memory_columns(memory) + "\n";
}

std::string header() {
  return pad("", 44, false) + pad("rows", 6) + pad("timed", 7) + pad("median", 10) +
         pad("mean", 10) + pad("90th", 10) + pad("bias", 10) + pad("memory", 8) +
         pad("median", 10) + pad("bias", 10) + "\n";
}

std::string skipped_by_reason(const Validation& v) {
  std::map<std::string, std::int64_t> counts;
  for (const RowAnswer& row : v.answers)
    if (!row.skipped.empty()) ++counts[row.skipped];
  std::string text;
  for (const auto& [reason, count] : counts)
    text += pad(std::to_string(count), 6) + "  " + reason + "\n";
  return text.empty() ? "" : "\nskipped:\n" + text;
}

std::string oom_text(const OomCounts& oom) {
  if (oom.total() == 0) return "";
  return "will it fit: " + percent(oom.accuracy()) + " right; fits and ran " +
         std::to_string(oom.true_fit) + ", does not fit and did not " +
         std::to_string(oom.true_oom) + ", missed " + std::to_string(oom.false_fit) +
         ", false alarms " + std::to_string(oom.false_oom) + "\n";
}

std::string seconds(const std::optional<double>& value) {
  return value ? printed("%.4g s", *value) : "-";
}

std::string row_lines(const Validation& v) {
  std::string text = "\n" + pad("row", 28, false) + pad("measured", 14) + pad("predicted", 14) +
                     pad("error", 10) + "  memory\n";
  for (const RowAnswer& row : v.answers) {
    if (!row.skipped.empty()) continue;
    const std::optional<double> error = row.error();
    text += pad(row.id, 28, false) + pad(seconds(row.measured_s), 14) +
            pad(seconds(row.predicted_s), 14) + pad(error ? percent(*error, true) : "-", 10);
    if (!row.fit.empty()) text += "  " + row.fit + (row.was_oom ? " (ran out of memory)" : "");
    text += "\n";
  }
  return text;
}

}  // namespace

std::string to_table(const Validation& v, bool rows) {
  std::string text = v.kind + ": " + counted(std::ssize(v.answers), "row") + ", " +
                     std::to_string(v.predicted) + " predicted (" + percent(v.coverage) + ")\n\n";
  text += header() + line("all", v.predicted, v.error, v.memory);
  for (const GroupSummary& group : v.groups)
    text += line(group.by + " " + group.name.substr(0, 36), group.rows, group.error, group.memory);
  text += "\n";
  if (v.ranking.groups > 0)
    text += "ranking of plans: Kendall's tau " + printed("%.2f", v.ranking.kendall_tau) +
            " (median of " + counted(v.ranking.groups, "group") + "), regret " +
            percent(v.ranking.regret) + "\n";
  text += oom_text(v.oom);
  if (v.reserved_memory.rows > 0)
    text += "reserved memory: " + counted(v.reserved_memory.rows, "row") + ", median " +
            percent(v.reserved_memory.median_abs) + ", bias " +
            percent(v.reserved_memory.bias, true) + "\n";
  if (v.error.rows > 0) text += "inside the 90 % interval: " + percent(v.interval_coverage) + "\n";
  text += skipped_by_reason(v);
  return rows ? text + row_lines(v) : text;
}

}  // namespace stepcast
