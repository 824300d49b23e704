#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <utility>

#include "sim/base/file_io.h"
#include "sim/base/quantity_text.h"
#include "sim/report/report_json.h"
#include "sim/report/report_text.h"
#include "sim/stepcast.h"
#include "sim/trace/chrome_trace.h"
#include "tools/cli/commands.h"
#include "tools/cli/simulation_arguments.h"

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
  const std::string text = chrome_trace(prediction.job, prediction.simulation.trace, memory);
  if (file.ends_with(".gz"))
    write_gzip_file(file, text);
  else
    write_text_file_atomically(file, text);
  std::fprintf(stderr, "trace of %zu ops: %s (open it at https://ui.perfetto.dev)\n",
               prediction.simulation.trace.spans.size(), file.c_str());
}

void require_fit(const Scenario& scenario, const Report& report) {
  if (report.fit != Fit::kDoesNotFit) return;
  const StageMemory& fullest = report.memory[report.fullest_stage];
  throw Error(
      ErrorKind::kInfeasible,
      {{.file = scenario.file,
        .path = "plan",
        .message =
            "does not fit in memory: " + fullest.name + " needs " + to_text(fullest.reserved) +
            " of " + to_text(report.memory_capacity) + " (peak at " + fullest.peak.cause +
            "); try more recompute, a smaller micro_batch_size, a larger tp or pp, or "
            "zero_stage 1; `stepcast memory` shows the parts, --ignore-memory predicts anyway"}});
}

int predict_command(const Arguments& arguments) {
  const Scenario scenario = load_scenario(arguments.scenario, find_library());
  SimulateOptions options = arguments.simulation.options();
  options.spans = !arguments.trace.empty();
  Job job = build_programs(scenario);
  if (!arguments.ignore_memory) require_fit(scenario, predict_memory(scenario, job));
  const Prediction prediction = predict(scenario, std::move(job), options);
  if (options.spans) write_trace(prediction, arguments.trace);
  if (arguments.json) {
    print(report_json(scenario, prediction.job, prediction.simulation, prediction.report));
    return 0;
  }
  print(report_table(scenario, prediction.report));
  if (arguments.memory) print("\n" + memory_table(prediction.report));
  return 0;
}

}  // namespace

void add_predict(CLI::App& app, std::function<int()>& run) {
  const auto arguments = std::make_shared<Arguments>();
  app.add_option("scenario", arguments->scenario, "scenario file (scenarios/*.json)")->required();
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
