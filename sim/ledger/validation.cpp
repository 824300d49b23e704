#include "sim/ledger/validation.h"

#include <cmath>
#include <map>

#include "sim/report/report.h"

namespace stepcast {
namespace {

using Members = std::vector<const RowAnswer*>;

std::vector<double> errors_of(const Members& rows) {
  std::vector<double> errors;
  for (const RowAnswer* row : rows)
    if (const std::optional<double> error = row->error()) errors.push_back(*error);
  return errors;
}

MemorySummary memory_of(const Members& rows, std::optional<MemoryPair> RowAnswer::*which) {
  std::vector<double> errors;
  for (const RowAnswer* row : rows)
    if (row->*which) errors.push_back((row->*which)->error());
  const ErrorSummary summary = summarize(errors);
  return {.rows = static_cast<std::int64_t>(errors.size()),
          .median_abs = summary.median_abs,
          .bias = summary.bias};
}

/// A single choice is no choice.
constexpr std::size_t kLeastToRank = 2;

RankingSummary rank(const Members& rows) {
  std::map<std::string, Members> groups;
  for (const RowAnswer* row : rows)
    if (!row->ranking_group.empty() && row->error()) groups[row->ranking_group].push_back(row);
  std::vector<double> taus, regrets;
  for (const auto& [name, members] : groups) {
    if (members.size() < kLeastToRank) continue;
    std::vector<double> predicted, measured;
    for (const RowAnswer* row : members) {
      predicted.push_back(*row->predicted_s / row->tokens);
      measured.push_back(*row->measured_s / row->tokens);
    }
    if (const std::optional<double> tau = kendall_tau_b(predicted, measured)) taus.push_back(*tau);
    regrets.push_back(regret(predicted, measured));
  }
  return {.groups = static_cast<std::int64_t>(regrets.size()),
          .kendall_tau = taus.empty() ? 0 : median(taus),
          .regret = regrets.empty() ? 0 : mean(regrets)};
}

double interval_coverage(const Members& rows) {
  double inside = 0, timed = 0;
  for (const RowAnswer* row : rows) {
    if (!row->error()) continue;
    const double half = kSigmasOf90Percent * row->relative_sigma * *row->predicted_s;
    inside += std::abs(*row->measured_s - *row->predicted_s) <= half;
    ++timed;
  }
  return timed == 0 ? 0 : inside / timed;
}

GroupSummary group_of(const std::string& by, const std::string& name, const Members& rows) {
  return {.by = by,
          .name = name,
          .rows = static_cast<std::int64_t>(rows.size()),
          .error = summarize(errors_of(rows)),
          .memory = memory_of(rows, &RowAnswer::memory)};
}

void add_groups(const Members& rows, const std::string& by, std::vector<GroupSummary>& groups) {
  std::map<std::string, Members> by_name;
  for (const RowAnswer* row : rows)
    if (const std::string name = row->label(by); !name.empty()) by_name[name].push_back(row);
  for (const auto& [name, members] : by_name) groups.push_back(group_of(by, name, members));
}

void add_cells(const Members& rows, std::vector<GroupSummary>& groups) {
  std::map<std::string, std::map<std::string, Members>> kinds;
  for (const RowAnswer* row : rows)
    if (!row->cell.empty() && row->error()) kinds[row->label("kind")][row->cell].push_back(row);
  for (const auto& [kind, cells] : kinds) {
    std::vector<double> means;
    for (const auto& [cell, members] : cells) means.push_back(mean(errors_of(members)));
    groups.push_back({.by = "cell",
                      .name = kind,
                      .rows = static_cast<std::int64_t>(means.size()),
                      .error = summarize(means),
                      .memory = {}});
  }
}

}  // namespace

std::optional<double> RowAnswer::error() const {
  if (!measured_s || !predicted_s) return std::nullopt;
  return *predicted_s / *measured_s - 1;
}

std::string RowAnswer::label(const std::string& by) const {
  for (const auto& [name, value] : labels)
    if (name == by) return value;
  return "";
}

Validation sum_up(std::string kind, std::vector<RowAnswer> answers,
                  std::span<const std::string> by) {
  Validation v;
  v.kind = std::move(kind);
  v.answers = std::move(answers);
  Members rows;
  for (const RowAnswer& answer : v.answers)
    if (answer.skipped.empty()) rows.push_back(&answer);
  v.predicted = static_cast<std::int64_t>(rows.size());
  v.coverage = v.answers.empty()
                   ? 0
                   : static_cast<double>(rows.size()) / static_cast<double>(v.answers.size());
  v.error = summarize(errors_of(rows));
  v.ranking = rank(rows);
  for (const RowAnswer* row : rows)
    if (!row->fit.empty()) v.oom.add(row->predicted_oom, row->was_oom);
  v.memory = memory_of(rows, &RowAnswer::memory);
  v.reserved_memory = memory_of(rows, &RowAnswer::reserved_memory);
  v.interval_coverage = interval_coverage(rows);
  for (const std::string& label : by) add_groups(rows, label, v.groups);
  add_cells(rows, v.groups);
  return v;
}

}  // namespace stepcast
