#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>

#include "sim/report/report_json.h"
#include "sim/report/report_text.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/progress.h"

namespace stepcast::cli {
namespace {

int memory_command(const std::string& file, bool json) {
  const Scenario scenario = load_scenario(file, find_library());
  Report report;
  {
    const Activity activity("walking through memory");
    report = predict_memory(scenario, build_programs(scenario));
  }
  print(json ? memory_json(scenario, report) : memory_table(scenario, report));
  return 0;
}

}  // namespace

void add_memory(CLI::App& app, std::function<int()>& run) {
  const auto scenario = std::make_shared<std::string>();
  const auto json = std::make_shared<bool>(false);
  app.add_option("scenario", *scenario, "a shipped name or a file")->required();
  app.add_flag("--json", *json, "one JSON document instead of the table");
  run = [scenario, json] { return memory_command(*scenario, *json); };
}

}  // namespace stepcast::cli
