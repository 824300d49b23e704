#include "sim/ledger/nccl_tests_json.h"

#include <set>

#include "sim/base/json_document.h"

namespace stepcast {
namespace {

std::optional<JsonValue> at(const JsonValue& value, std::string_view key) {
  return value.is_object() ? value.member(key) : std::nullopt;
}

/// results[i].out_of_place.time, and what tells that it counts.
void read_result(const JsonValue& result, NcclTestsRun& run, std::vector<Problem>& problems) {
  const auto size = at(result, "size");
  const auto half = at(result, "out_of_place");
  const auto time = half ? at(*half, "time") : std::nullopt;
  if (!size || !size->as_integer() || !time || !time->as_number()) {
    problems.push_back(result.problem("must hold size and out_of_place.time, numbers both"));
    return;
  }
  if (*size->as_integer() == 0) return;  // fewer elements than ranks
  if (*size->as_integer() < 0 || *time->as_number() <= 0) {
    problems.push_back(time->problem("= " + time->excerpt() + " must be microseconds above 0"));
    return;
  }
  if (const auto wrong = at(*half, "nwrong"); wrong && wrong->as_number().value_or(0) != 0) {
    problems.push_back(wrong->problem("= " + wrong->excerpt() +
                                      " must be 0: wrong results time nothing; run it again"));
    return;
  }
  run.points.push_back({.line = 0, .size = *size->as_integer(), .time_us = *time->as_number()});
}

}  // namespace

NcclTestsRun parse_nccl_tests_json(const std::string& text, const std::string& name,
                                   const NcclTestsHints& hints) {
  const JsonDocument document = parse_json(text, name);
  const JsonValue root = document.root();
  NcclTestsRun run;
  run.file = name;
  std::vector<Problem> problems;
  std::optional<BenchOp> op;
  if (const auto arguments = at(root, "args"))
    for (const JsonValue& argument : arguments->elements())
      if (const auto word = argument.as_string();
          word && word->ends_with("_perf") && !op && !hints.op) {
        op = op_named_in(*word);
        if (!op) problems.push_back(argument.problem(unknown_program(*word)));
        if (!op) op = run.op;  // one complaint is enough
      }
  if (op) run.op = *op;
  std::set<std::string> hosts;
  std::set<std::pair<std::string, std::int64_t>> processes;
  if (const auto devices = at(root, "devices"))
    for (const JsonValue& device : devices->elements()) {
      const auto host = at(device, "hostname");
      const auto process = at(device, "pid");
      const std::string host_name = host ? host->as_string().value_or("") : "";
      hosts.insert(host_name);
      processes.emplace(host_name, process ? process->as_integer().value_or(0) : 0);
      ++run.ranks;
    }
  run.hosts = static_cast<std::int64_t>(hosts.size());
  if (std::ssize(processes) < run.ranks) run.launch = BenchLaunch::kSingleProcess;
  if (const auto results = at(root, "results"))
    for (const JsonValue& result : results->elements()) read_result(result, run, problems);
  complete(run, op.has_value(), hints, problems);
  if (!problems.empty()) throw Error(ErrorKind::kInput, std::move(problems));
  return run;
}

}  // namespace stepcast
