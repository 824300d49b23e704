#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <utility>

#include "sim/report/report_json.h"
#include "sim/report/report_text.h"
#include "sim/stepcast.h"
#include "tools/cli/commands.h"
#include "tools/cli/memory_fit.h"
#include "tools/cli/progress.h"
#include "tools/cli/simulation_arguments.h"
#include "tools/cli/trace_file.h"

namespace stepcast::cli {
namespace {

struct Arguments {
  std::string scenario;
  std::string trace;
  bool json = false;
  bool memory = false;
  bool ignore_memory = false;
  SimulationArguments simulation;
};

void write_trace(const Prediction& prediction, const std::string& file) {
  std::vector<std::vector<Bytes>> memory;
  for (const Program& program : prediction.job.programs) memory.push_back(memory_by_call(program));
  write_trace_file(prediction.job, prediction.simulation.trace, memory, file);
}

Prediction predict_aloud(const Scenario& scenario, bool ignore_memory,
                         const SimulateOptions& options) {
  Activity activity("writing the programs");
  Job job = build_programs(scenario);
  activity.now("walking through memory");
  if (!ignore_memory) require_fit(scenario, predict_memory(scenario, job));
  activity.now("simulating");
  return predict(scenario, std::move(job), options);
}

int predict_command(const Arguments& arguments) {
  const Scenario scenario = load_scenario(arguments.scenario, find_library());
  SimulateOptions options = arguments.simulation.options();
  options.spans = !arguments.trace.empty();
  const Prediction prediction = predict_aloud(scenario, arguments.ignore_memory, options);
  if (options.spans) write_trace(prediction, arguments.trace);
  if (arguments.json) {
    print(report_json(scenario, prediction.job, prediction.simulation, prediction.report));
    return 0;
  }
  print(report_table(scenario, prediction.report));
  if (arguments.memory) print("\n" + peak_table(prediction.report));
  return 0;
}

}  // namespace

void add_predict(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("scenario", arguments->scenario, "a shipped name or a file")->required();
  app.add_flag("--json", arguments->json, "one JSON document instead of the table");
  app.add_option("--trace", arguments->trace,
                 "write a Chrome trace (.json or .json.gz) for Perfetto");
  app.add_flag("--memory", arguments->memory, "also what makes the peak of the fullest stage");
  app.add_flag("--ignore-memory", arguments->ignore_memory,
               "predict a plan that does not fit in memory");
  arguments->simulation.declare(app);
  run = [arguments] { return predict_command(*arguments); };
}

}  // namespace stepcast::cli
